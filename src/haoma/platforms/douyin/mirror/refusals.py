"""Douyin's codes that no other scene covers: the call, and the error that haoma must return.

The codes are repeated here and not read from ``refusals.toml``. A scene that took its expected outcome from the table
under test would agree with every mistake in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from haoma.platforms.base.mirroring import Scene


@dataclass(frozen=True, slots=True)
class Refusal:
    """A code of Douyin in the answer of one call.

    Attributes:
        place: The call that answers it.
        err_no: The code.
        expect: The error that haoma must return.
    """

    place: str
    err_no: int
    expect: str

    @property
    def name(self) -> str:
        """Name of the scene."""
        if self.place == "token":  # its answers have an ``error_code``
            return f"errcode-{self.err_no}-token"
        return f"err-no-{self.err_no if self.err_no > 0 else f'minus-{-self.err_no}'}"

    @property
    def app(self) -> str:
        """Name of the app. Each refusal of a token has an app of its own, because that app never gets a token."""
        return f"douyin-{self.name}" if self.place == "token" else "douyin"

    @property
    def scene(self) -> Scene:
        """The scene."""
        return Scene(self.name, self.expect, self.app)


_PERMISSION: Final = "platform.permission-missing"
_REQUEST: Final = "platform.request-rejected"
_TOKEN: Final = "platform.token-rejected"  # noqa: S105 - the name of an error
_CREDENTIALS: Final = "platform.credentials-rejected"
_LIMIT: Final = "platform.rate-limited"
_BLOCKED: Final = "platform.user-blocked"
_OUTCOME: Final = "outside.outcome-unknown"

REFUSALS: Final = (
    Refusal("token", 10002, _REQUEST),
    Refusal("token", 10003, _CREDENTIALS),
    Refusal("token", 10020, _LIMIT),
    Refusal("login", 40014, _REQUEST),
    Refusal("login", 40015, _CREDENTIALS),
    Refusal("login", 40017, _CREDENTIALS),
    Refusal("login", 40019, "platform.login-code-rejected"),
    Refusal("phone", 28001003, _TOKEN),
    Refusal("phone", 2190008, _TOKEN),
    Refusal("phone", 28001015, "platform.wrong-token-kind"),
    Refusal("phone", 28001006, _OUTCOME),
    Refusal("phone", -1, _OUTCOME),
    Refusal("phone", 28001052, _LIMIT),
    Refusal("phone", 28001007, _REQUEST),
    Refusal("phone", 28001012, "platform.user-not-authorized"),
    Refusal("phone", 28001014, _PERMISSION),
    Refusal("phone", 28001016, _PERMISSION),
    Refusal("phone", 28001019, _PERMISSION),
    Refusal("phone", 28001020, _PERMISSION),
    Refusal("phone", 28001021, _PERMISSION),
    Refusal("phone", 28001017, _REQUEST),
    Refusal("phone", 28001056, _REQUEST),
    Refusal("phone", 28001045, _BLOCKED),
    Refusal("phone", 28001046, _BLOCKED),
)
