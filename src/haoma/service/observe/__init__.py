"""What is told about requests: log lines and metrics."""
