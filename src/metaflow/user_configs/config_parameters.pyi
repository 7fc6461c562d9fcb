from metaflow.flow.config_value import ConfigValue as ConfigValue
from metaflow.flow.configs import Config as Config
from metaflow.flow.deferred import config_expr as config_expr
