"""A shop that logs its users in by the phone number of their mini program."""
