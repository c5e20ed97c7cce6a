"""Files: one that keeps changing, and one that was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class FollowedFile:
    """A reader for a small text file that another program keeps replacing; it rereads it after each change.

    Such is an access token that a platform mounts into the container. Usable as a platform's ``token_source``.

    Args:
        path: The file.
        limit: Maximum size in bytes.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._last: tuple[tuple[int, int, int], str] | None = None  # replaced as a whole: threads need no lock

    def __call__(self, _app: str, rejected: str | None) -> str:
        """Return the text without surrounding white space.

        Args:
            _app: Name of the app that asks.
            rejected: The token that the platform just rejected. If given, the file is read even if it looks unchanged.

        Raises:
            OSError: The file cannot be read.
            ValueError: The file is too large, or not UTF-8 text.
        """
        stat = self._path.stat()  # before reading: a change in between is noticed by the next call
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


class CaFile(str):
    """The name of a PEM file with authorities, and those that it contained when it was read.

    Attributes:
        certificates: The authorities, in DER, one after the other.
    """

    __slots__ = ("certificates",)
    certificates: bytes

    @classmethod
    def of(cls, path: Path, certificates: Iterable[bytes]) -> CaFile:
        """Return the name of a file that contained these certificates."""
        name = cls(path)
        name.certificates = b"".join(certificates)
        return name
