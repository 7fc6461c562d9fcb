"""What the timeline of a run shows, apart from HTTP."""
