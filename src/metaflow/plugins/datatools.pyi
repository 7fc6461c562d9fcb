from metaflow.datatools import *  # noqa: F403
