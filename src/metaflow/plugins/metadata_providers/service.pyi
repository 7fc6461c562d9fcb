from metaflow.exception import ServiceException as ServiceException
