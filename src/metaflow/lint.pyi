from metaflow.exception import LintWarn as LintWarn
