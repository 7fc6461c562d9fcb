from metaflow.flow.deploy_time import ParameterContext as ParameterContext
from metaflow.flow.parameter_types import JSONType as JSONType, JSONTypeClass as JSONTypeClass
from metaflow.flow.parameters import Parameter as Parameter
