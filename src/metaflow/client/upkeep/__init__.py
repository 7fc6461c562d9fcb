"""Integrity and clean-up: what a datastore holds, whether it is whole, what may go, and how it goes."""
