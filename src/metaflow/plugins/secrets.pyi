from metaflow.secret_store import get_secret as get_secret
