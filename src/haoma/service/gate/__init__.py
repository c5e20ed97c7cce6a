"""What every request goes through: reading it, refusing it, answering it in time."""
