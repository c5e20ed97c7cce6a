"""The doctor for the source of a mini program."""
