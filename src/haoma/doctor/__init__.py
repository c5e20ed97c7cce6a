"""The doctor: finds what is wrong before a user does, and says the one thing to change.

* ``configuration/offline``: what a ``haoma.toml`` gives away by itself.
* ``configuration/online``: what the platforms say to the apps that it configures.
* ``mini_program``: a folder of a mini program.
* ``captures``: anything captured: a body, an envelope, an event, a platform's answer, a key, a line of a log.

Each of them yields `Diagnosis` records and prints nothing. It is a tool for the desk of whoever holds the keys: unlike
a service it may say exactly what failed, because nobody else reads it. What it says still holds no secret and no full
number.
"""

from __future__ import annotations

from haoma.platforms.base.diagnosis import Diagnosis, Severity

__all__ = ["Diagnosis", "Severity"]
