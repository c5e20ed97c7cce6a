"""A file that something else keeps replacing, such as an access token that a platform mounts into the container."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class FollowedFile:
    """Reads a small text file, again whenever it has changed. It fits as a platform's ``token_source``.

    Args:
        path: The file.
        limit: Most bytes that it may have.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._last: tuple[tuple[int, int, int], str] | None = None  # replaced as a whole: threads need no lock

    def __call__(self, _app: str, rejected: str | None) -> str:
        """Return the text, without white space around it.

        Args:
            _app: Name of the app that asks.
            rejected: What the platform has just rejected: then the file is read whatever it looks like from outside.

        Raises:
            OSError: It cannot be read.
            ValueError: It is too large, or not UTF-8 text.
        """
        stat = self._path.stat()  # before reading: what is written in between is noticed the next time
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if rejected is None and self._last is not None and self._last[0] == seen:
            return self._last[1]
        with self._path.open("rb") as file:
            content = file.read(self._limit + 1)
        if len(content) > self._limit:
            raise ValueError(f"more than {self._limit} bytes")
        text = content.decode("utf-8-sig").strip()
        self._last = seen, text
        return text
