"""Steps with ``@kubernetes``: what is asked of a cluster's API, and what its answers mean."""
