"""Verified phone numbers from mini programs.

::

    app = haoma.configure("alipay", app_id="2021…", alipay_public_key="MIIB…", aes_key="…")
    phone = haoma.verify_offline(app, sent)         # offline; Alipay
    phone.e164                                      # "+8613811112222"

    with haoma.Client(haoma.load("haoma.toml")) as client:
        phone = client.get_phone_number("shop", sent, caller=session_id)
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Final

from haoma.catalogue import Who
from haoma.errors import (
    AlreadyUsed,
    CallerError,
    CodeRejected,
    ConfigError,
    ConfigFaults,
    EnvelopeError,
    HaomaError,
    LinkError,
    Next,
    NoPhoneBound,
    OutcomeUnknown,
    OutsideError,
    PlatformRefusal,
    Spent,
    TrustError,
    UserDeclined,
)

if TYPE_CHECKING:
    from haoma.authorize import verify_offline
    from haoma.client import AsyncClient, Client, Session
    from haoma.io.http import Limits
    from haoma.io.memory import Memory
    from haoma.platforms.base.contract import App
    from haoma.secret import Secret
    from haoma.settings.from_python import configure
    from haoma.settings.model import HaomaWarning, Settings
    from haoma.settings.reader import load
    from haoma.verified import Assurance, Check, CheckName, Subject, VerifiedPhone

__all__ = [
    "AlreadyUsed",
    "App",
    "Assurance",
    "AsyncClient",
    "CallerError",
    "Check",
    "CheckName",
    "Client",
    "CodeRejected",
    "ConfigError",
    "ConfigFaults",
    "EnvelopeError",
    "HaomaError",
    "HaomaWarning",
    "Limits",
    "LinkError",
    "Memory",
    "Next",
    "NoPhoneBound",
    "OutcomeUnknown",
    "OutsideError",
    "PlatformRefusal",
    "Secret",
    "Session",
    "Settings",
    "Spent",
    "Subject",
    "TrustError",
    "UserDeclined",
    "VerifiedPhone",
    "Who",
    "__version__",
    "configure",
    "load",
    "verify_offline",
]

__version__: Final = "0.1.0"

# Imported on first use, so that `import haoma` stays fast. The clients import the network code, the other names import
# cryptography, and code that only catches errors needs neither.
_LATE: Final = {
    "App": "haoma.platforms.base.contract",
    "Assurance": "haoma.verified",
    "AsyncClient": "haoma.client",
    "Check": "haoma.verified",
    "CheckName": "haoma.verified",
    "Client": "haoma.client",
    "HaomaWarning": "haoma.settings.model",
    "Limits": "haoma.io.http",
    "Memory": "haoma.io.memory",
    "Secret": "haoma.secret",
    "Session": "haoma.client",
    "Settings": "haoma.settings.model",
    "Subject": "haoma.verified",
    "VerifiedPhone": "haoma.verified",
    "configure": "haoma.settings.from_python",
    "load": "haoma.settings.reader",
    "verify_offline": "haoma.authorize",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module 'haoma' has no attribute {name!r}")
    found: object = getattr(_import_module(_LATE[name]), name)
    globals()[name] = found  # later lookups skip this function
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
