from metaflow.flow.graph import FlowGraph as FlowGraph
