from metaflow.exception import (
    NonUniqueFileNameToFilePathMappingException as NonUniqueFileNameToFilePathMappingException,
)
