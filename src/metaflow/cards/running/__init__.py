"""The cards of the task that runs: what steps put on them, live updates, the last rendering."""
