from metaflow.exception import InvalidNextException as InvalidNextException
from metaflow.flow.spec import FlowSpec as FlowSpec
