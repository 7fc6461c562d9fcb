"""Runs side by side: what they were given, what they ran on, what they found, how long they took."""
