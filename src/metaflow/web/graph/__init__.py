"""The graph of a run: where its steps are drawn, and how they are doing."""
