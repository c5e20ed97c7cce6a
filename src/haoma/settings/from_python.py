"""The door for a program: `configure`.

For a type checker it is described by ``from_python.pyi``, which ``tools/pages.py`` writes: a call with a setting that
the platform does not have, or of another type, is found before the program runs.
"""

from __future__ import annotations

from haoma.settings.reader import configure

__all__ = ["configure"]
