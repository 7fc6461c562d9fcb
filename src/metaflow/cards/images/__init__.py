"""From whatever a flow has for a picture to bytes that browsers show."""
