"""Reads the vector folders; their format is in ``vectors/README.md``."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Case:
    """One folder.

    Attributes:
        name: ``alipay/sign-missing_fail``.
        sent: What the front end sent, byte for byte.
        app: The settings of the app ``shop``.
        phone_number: What has to come out; empty if the case has to fail.
        code: The code of the refusal; empty if the case has to succeed.
        platform_code, platform_sub_code: The platform's own codes, where the case names them.
        now: The time of the case in Unix seconds; 0 where time does not matter.
        replies: What the platform answers, by the last part of the address.
    """

    name: str
    path: Path
    sent: bytes = field(repr=False)
    app: dict[str, Any] = field(repr=False)
    phone_number: str
    code: str
    platform_code: str
    platform_sub_code: str
    now: float
    replies: dict[str, bytes] = field(repr=False)

    @property
    def platform(self) -> str:
        """The name of the platform."""
        return self.name.partition("/")[0]  # it is asked for thousands of times

    @property
    def misconfigured(self) -> bool:
        """True if already the configuration has to be refused."""
        return self.code.startswith("config.")


@functools.cache
def cases(platform: str) -> tuple[Case, ...]:
    """Return all cases of a platform, by name. Many files of tests ask; the folders are read once."""
    return tuple(_read(path) for path in sorted((VECTORS / platform).iterdir()) if path.is_dir())


def _read(path: Path) -> Case:
    expect = tomllib.loads((path / "expect.toml").read_text("utf-8"))
    case = Case(
        name=f"{path.parent.name}/{path.name}",
        path=path,
        sent=(path / "authorization.txt").read_bytes(),
        app=tomllib.loads((path / "app.toml").read_text("utf-8"))["apps"]["shop"],
        phone_number=expect.pop("phone_number", ""),
        code=expect.pop("code", ""),
        platform_code=expect.pop("platform_code", ""),
        platform_sub_code=expect.pop("platform_sub_code", ""),
        now=float((path / "now.txt").read_text("ascii")) if (path / "now.txt").exists() else 0.0,
        replies={reply.stem: reply.read_bytes() for reply in path.glob("replies/*.txt")},
    )
    if expect or bool(case.phone_number) == bool(case.code) or path.name.endswith("_fail") != bool(case.code):
        raise ValueError(f"{case.name}: one of phone_number and code, and _fail in the name with a code; {expect}")
    return case
