"""What a ``haoma.toml`` and the files that it names contained when they were read."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from haoma.io import clock

if TYPE_CHECKING:
    from pathlib import Path

_DER_SEQUENCE: Final = b"\x30"  # the first byte of every key and certificate in DER


class Sources:
    """The files of a configuration. Each is read once; reading the configuration again from here reads no file.

    A worker that takes the place of another one starts from here, whatever became of the files. They may contain
    secrets, so there is no way to show them.

    Attributes:
        now: Unix seconds of the reading, for the dates of certificates: one that has expired since is still in use.
    """

    def __init__(self) -> None:
        self.now = clock.now()
        self._contents: dict[str, bytes] = {}
        self._complete = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._contents)} files)"

    def __getstate__(self) -> dict[str, object]:
        """Return what goes to another process. There, a file that was not read here does not exist."""
        return {**self.__dict__, "_complete": True}

    @property
    def digest(self) -> str:
        """What tells two readings apart, by the contents of the files. It reveals nothing of them."""
        digest = hashlib.sha256()
        for name, content in sorted(self._contents.items()):
            digest.update(b"%d %d " % (len(name.encode()), len(content)) + name.encode() + content)
        return digest.hexdigest()

    def has(self, path: Path) -> bool:
        """Return True if there is such a file. Raises OSError."""
        return str(path) in self._contents or (not self._complete and path.is_file())

    def read(self, path: Path, limit: int) -> bytes:
        """Return the content of a file of at most ``limit`` bytes. Raises OSError and ValueError."""
        content = self._contents.get(str(path))
        if content is None:
            if self._complete:
                raise FileNotFoundError
            with path.open("rb") as file:
                content = file.read(limit + 1)
            if len(content) > limit:
                raise ValueError(f"more than {limit // 1024} KiB")
            self._contents[str(path)] = content
        return content

    def read_text(self, path: Path, limit: int) -> str:
        """Return the content of a text file of at most ``limit`` bytes. A DER key or certificate is returned as base64.

        Raises:
            OSError: The file cannot be read.
            ValueError: The file is too large, or not UTF-8 text.
        """
        content = self.read(path, limit)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            if content[:1] != _DER_SEQUENCE:
                raise ValueError("not UTF-8 text") from None
            return base64.b64encode(content).decode("ascii")
