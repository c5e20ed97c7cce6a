"""Log lines and metrics about requests."""
