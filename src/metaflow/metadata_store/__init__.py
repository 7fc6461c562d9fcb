"""Records of flows, runs, steps, tasks and attempts: events in, queries out."""
