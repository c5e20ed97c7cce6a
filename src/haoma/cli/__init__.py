"""haoma command line."""
