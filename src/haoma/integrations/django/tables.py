"""Tables of a configuration that are written in Python: as `load` would have read them, and as a file for a command."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_LONGEST_NAME: Final = 255
_SQLITE: Final = "sqlite:///"


def plain(value: Any) -> Any:
    """Return tables with paths as text, because settings modules of Django are full of them."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


@contextmanager
def as_file(tables: Mapping[str, Any], base: Path) -> Iterator[str]:
    """Write tables as a ``haoma.toml``, and yield its path. Where the system can, the file is in memory alone."""
    content = "".join(f"{line}\n" for line in _lines(_absolute(tables, base))).encode("utf-8")
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("haoma.toml")
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, content)
            yield f"/proc/{os.getpid()}/fd/{descriptor}"  # not "self": a command may start processes
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "haoma.toml"
            path.touch(0o600)
            path.write_bytes(content)
            yield str(path)


def _absolute(value: Any, base: Path) -> Any:
    """Return tables in which nothing depends on where the file lies."""
    if isinstance(value, Mapping):
        return {name: _absolute(each, base) for name, each in value.items()}
    if isinstance(value, list):
        return [_absolute(each, base) for each in value]
    if not isinstance(value, str) or len(value) > _LONGEST_NAME or "\n" in value or "\x00" in value:
        return value
    if value.startswith(_SQLITE):
        return f"{_SQLITE}{(base / value.removeprefix(_SQLITE)).absolute()}"
    # Names of apps and platforms have neither; a name of a file that does not exist is reported as it is.
    if ("." in value or "/" in value) and (base / value).is_file():
        return str((base / value).absolute())
    return value


def _lines(tables: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    inner = {name: value for name, value in tables.items() if isinstance(value, Mapping)}
    if path:
        yield f"[{'.'.join(map(_text, path))}]"
    for name, value in tables.items():
        if name not in inner:
            yield f"{_text(name)} = {_value(value)}"
    for name, value in inner.items():
        yield from _lines(value, (*path, name))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(name)} = {_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _text("" if value is None else value)


def _text(value: object) -> str:
    """Return a value as JSON, which TOML reads alike."""
    return json.dumps(value, ensure_ascii=False)
