"""One run as a single HTML file."""
