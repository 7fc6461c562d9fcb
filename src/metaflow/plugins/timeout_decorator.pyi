from metaflow.exception import TimeoutException as TimeoutException
