"""The users of the application of the contract in Django."""
