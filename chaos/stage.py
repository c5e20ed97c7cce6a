"""The stage of a scenario: a database, the platform, and service processes between them."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chaos.bases import Base
from chaos.fleet import Fleet
from chaos.wechat import WeChat

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Stage:
    """All of it, for the length of an ``async with`` block.

    Args:
        kind: The database.
        size: How many service processes.
        apps: Names of the apps.
        through: Whether a proxy is in front of the database.
        options: Further options of the database.
        folder: Where SQLite's file goes, instead of a temporary folder.
        fleet_options: Further arguments of `Fleet`.
    """

    kind: str
    size: int
    apps: Sequence[str] = ("shop",)
    through: bool = False
    options: Sequence[str] = ()
    folder: Path | None = None
    fleet_options: dict[str, Any] | None = None

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-chaos-")))
            base = Base(self.kind, through=self.through, options=self.options, folder=self.folder)
            self.base = await self._stack.enter_async_context(base)
            self.platform = await self._stack.enter_async_context(WeChat())
            more = self.fleet_options or {}
            fleet = Fleet(folder, self.base.url, self.platform.url, self.size, apps=self.apps, **more)
            self.fleet = await self._stack.enter_async_context(fleet)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
