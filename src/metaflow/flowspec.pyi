from metaflow.datastore.metaflow_pickle import ParallelUBF as ParallelUBF
from metaflow.exception import InvalidNextException as InvalidNextException
from metaflow.flow.spec import FlowSpec as FlowSpec
