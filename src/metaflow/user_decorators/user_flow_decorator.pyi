from metaflow.flow.mutators import FlowMutator as FlowMutator
