"""A small server for one person's browser, which shows the cards of a flow's latest run while it goes on."""
