"""Verified phone numbers from mini programs."""
