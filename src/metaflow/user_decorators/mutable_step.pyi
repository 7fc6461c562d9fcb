from metaflow.flow.mutable_step import MutableStep as MutableStep
