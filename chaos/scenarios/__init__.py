"""What breaks, and what has to hold meanwhile."""
