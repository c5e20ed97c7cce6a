"""The server: processes, the port and connections."""
