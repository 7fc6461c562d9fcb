"""One task for the web app: attempts, artifacts, lineage, metadata, cards, resources. No HTTP here."""
