"""Judges any implementation, in any language, by named cases: which phone number, or a refusal."""
