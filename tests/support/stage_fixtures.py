"""The stage of all platforms as fixtures."""

from __future__ import annotations

import pytest

from support.stage import Stage


@pytest.fixture(scope="session")
def whole_stage() -> Stage:
    """Return the one stage of all tests: to make it takes longer than most of them."""
    return Stage()


@pytest.fixture
def stage(whole_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return the stage as a process that has just started, in which nobody waits between two tries."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    whole_stage.forget()
    whole_stage.on_the_way = lambda body: body
    return whole_stage
