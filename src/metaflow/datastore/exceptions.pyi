from metaflow.exception import (
    DataException as DataException,
    UnpicklableArtifactException as UnpicklableArtifactException,
)
