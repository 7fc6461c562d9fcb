"""What people do with runs from the web app: tag, pin, cancel, delete, start, resume; and who did what."""
