"""Tests any implementation, in any language, with named cases. Each expects a phone number or a refusal."""
