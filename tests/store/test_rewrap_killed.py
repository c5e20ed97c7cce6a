"""``haoma rewrap`` is killed while others read and write: the short form of ``make chaos ARGS=rewrap``."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos.scenarios.rewrap import rewrap_under_load

from haoma.store.config import StoreSettings

pytest_plugins = ["support.store_fixtures"]


@pytest.mark.parametrize("emptied", ["sqlite", "postgresql"], indirect=True)
def test_a_killed_rewrap_loses_nothing(emptied: StoreSettings, tmp_path: Path) -> None:
    """Killed in the middle, and begun again: no failed read, no lost write, nothing left under the old keys."""
    for name, tally in zip(
        ("changed", "retired"),
        rewrap_under_load(emptied, tmp_path, people=700, lives=2, kills=1),
        strict=True,
    ):
        row = tally.row(name, emptied.kind)
        assert row.ok, f"{row.counted}; wanted: {row.wanted}"
