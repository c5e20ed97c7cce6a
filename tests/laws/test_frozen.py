"""What was read or judged is not changed afterwards: every record on the way to a number is frozen."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from haoma import platforms
from haoma.authorization import Authorization
from haoma.platforms.base.contract import Redacted
from haoma.platforms.registry import PLATFORMS
from haoma.verified import Check, VerifiedPhone


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    each: type[Any]
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def _redacted() -> list[type[Any]]:
    """Every record that hides its values, of all platforms: of each module, whatever other tests have loaded."""
    for module in pkgutil.walk_packages(platforms.__path__, "haoma.platforms."):
        if "mirror" not in module.name:
            importlib.import_module(module.name)
    return [Redacted, *_below(Redacted)]


CHANGING = {"TokenUse", "CodeExchange"}
"""What a request is doing. Of private ones each file knows its own."""


def _dataclasses() -> Iterator[type[Any]]:
    """Every public one of haoma that is loaded, which are those of all platforms and of all steps."""
    ours = ("haoma.platforms.", "haoma.steps", "haoma.policy")
    for name in [name for name in sys.modules if name.startswith(ours) and "mirror" not in name]:
        for each in vars(sys.modules[name]).values():
            own = isinstance(each, type) and "__dataclass_params__" in vars(each) and each.__module__ == name
            if own and not each.__name__.startswith("_"):
                yield each


def test_no_record_can_be_changed() -> None:
    """Nobody can put another ciphertext into a message that was verified, or another key into an app."""
    records: list[type[Any]] = [*_redacted(), Check]
    assert len(records) > 2 * len(PLATFORMS)
    for struct in records:
        assert struct.__struct_config__.frozen, struct
    dataclasses = list(_dataclasses())
    needed = {"App", "Policy", "Login", "Grant", "Component", "Security", "CodeMessage", "Send", "Keep", "Answer"}
    assert needed <= {each.__name__ for each in dataclasses}
    assert {each.__name__ for each in dataclasses if not each.__dataclass_params__.frozen} == CHANGING


def test_nothing_can_be_set_anew() -> None:
    """Not by a platform's code either, after a check has looked at it."""
    kinds = [each for each in (*_redacted(), VerifiedPhone, Authorization) if each.__module__.startswith("haoma.")]
    assert len(kinds) > 10
    kind: Any
    for kind in kinds:
        for name in kind.__struct_fields__:
            with pytest.raises(AttributeError, match="immutable"):
                setattr(kind(*kind.__struct_fields__), name, None)
