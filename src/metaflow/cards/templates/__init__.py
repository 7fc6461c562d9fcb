"""The built-in types of cards, one module each."""
