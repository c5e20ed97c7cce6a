"""haoma simulator."""
