"""Running the service: processes, the port, and connections."""
