from metaflow.flow.include_file import IncludedFile as IncludedFile, IncludeFile as IncludeFile
