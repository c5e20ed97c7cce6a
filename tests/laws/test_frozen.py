"""What was read or judged is not changed afterwards: every record on the way to a number is frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from haoma.authorization import Authorization
from haoma.platforms.base.contract import App, Finding, Login, Redacted
from haoma.platforms.registry import PLATFORMS
from haoma.platforms.wechat.third_party.grant import Grant
from haoma.policy import Policy
from haoma.verified import Check, VerifiedPhone


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    each: type[Any]
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def test_no_record_can_be_changed() -> None:
    """Nobody can put another ciphertext into a message that was verified, or another key into an app."""
    records: list[type[Any]] = [Redacted, *_below(Redacted), *_below(App), App, Policy, Login, Finding, Check, Grant]
    assert len(records) > 2 * len(PLATFORMS)
    for each in records:
        config = getattr(each, "__struct_config__", None) or each.__dataclass_params__
        assert config.frozen, each


def test_nothing_can_be_set_anew() -> None:
    """Not by a platform's code either, after a check has looked at it."""
    kinds = [
        each
        for each in (Redacted, *_below(Redacted), VerifiedPhone, Authorization)
        if each.__module__.startswith("haoma.")
    ]
    assert len(kinds) > 10
    kind: Any
    for kind in kinds:
        for name in kind.__struct_fields__:
            with pytest.raises(AttributeError, match="immutable"):
                setattr(kind(*kind.__struct_fields__), name, None)
