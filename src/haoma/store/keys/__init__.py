"""The keys of numbers: how a number is sealed, where it is found, and where the keys come from."""
