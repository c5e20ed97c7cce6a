"""Strict readers and the few cryptographic operations that the platforms need."""
