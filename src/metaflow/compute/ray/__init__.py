"""Steps as jobs of a Ray cluster."""
