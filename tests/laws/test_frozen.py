"""What has been judged is not changed afterwards: every record on the way from a message to a number is frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from haoma.contract import App, Finding, Login, Quiet
from haoma.platforms import PLATFORMS
from haoma.policy import Policy
from haoma.verified import Check


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    each: type[Any]
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def test_no_record_can_be_changed() -> None:
    """Nobody can put another ciphertext into a message that was verified, or another key into an app."""
    records: list[type[Any]] = [Quiet, *_below(Quiet), *_below(App), App, Policy, Login, Finding, Check]
    assert len(records) > 2 * len(PLATFORMS)
    for each in records:
        config = getattr(each, "__struct_config__", None) or each.__dataclass_params__
        assert config.frozen, each
