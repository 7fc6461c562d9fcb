"""Tasks on other machines: what an engine is asked, how a task gets there, and how its results come home."""
