"""Strict parsers, and the few cryptographic operations that the platforms need."""
