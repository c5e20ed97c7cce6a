"""The routes and their responses."""
