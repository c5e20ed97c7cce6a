"""The doctor finds what is wrong before a user does, and names the one thing to change.

* ``configuration/offline``: what a ``haoma.toml`` shows by itself.
* ``configuration/online``: what the platforms say to the configured apps.
* ``mini_program``: the source folder of a mini program.
* ``captures``: anything captured: a body, an envelope, an event, a platform's answer, a key, a log line.

Each yields `Diagnosis` records and prints nothing. The doctor is a tool for people who hold the keys. Unlike a service,
it may say exactly what failed, because nobody else reads it. Its output still contains no secret and no full number.
"""

from __future__ import annotations

from haoma.platforms.base.diagnosis import Diagnosis, Severity

__all__ = ["Diagnosis", "Severity"]
