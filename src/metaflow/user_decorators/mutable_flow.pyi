from metaflow.flow.mutable_flow import MutableFlow as MutableFlow
