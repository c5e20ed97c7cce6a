"""The audit log: lanes of rows, seals over their ends, and what proves that nobody has changed them."""
