"""The web app: pages on which people find, follow, compare and steer runs, and what these pages ask the server for."""
