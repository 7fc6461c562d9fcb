from metaflow.exception import PyLintWarn as PyLintWarn
