"""Finding runs: the list of runs, names to filter by, flows at a glance, saved views."""
