from click import *  # noqa: F403
