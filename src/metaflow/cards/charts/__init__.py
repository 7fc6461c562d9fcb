"""Specifications of charts, and the library that draws them in the page."""
