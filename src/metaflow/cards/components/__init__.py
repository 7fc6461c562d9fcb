"""The components that flows put on cards, one module each."""
