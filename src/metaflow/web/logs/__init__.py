"""Reading what tasks printed, for pages: any part of a log of any size, what is in it, and what is new."""
