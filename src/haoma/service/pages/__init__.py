"""Pages for people, and the description of the API."""
