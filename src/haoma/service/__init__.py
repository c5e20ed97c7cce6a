"""haoma service."""
