"""Many people at once: read from files, put into the store, and written out of it."""
