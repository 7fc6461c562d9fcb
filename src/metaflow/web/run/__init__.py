"""What the page of a run shows: read from records, manifests, logs and code, without HTTP."""
