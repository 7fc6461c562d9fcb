from metaflow.client.trigger import MetaflowEvent as MetaflowEvent, Trigger as Trigger
