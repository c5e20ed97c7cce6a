"""The doctor for the source code of a mini program."""
