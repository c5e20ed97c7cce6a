"""The names that front ends use for the parts of an authorization: one table for whoever reads a body.

The service, the library, ``haoma open`` and ``haoma inspect`` read the same names. What differs between platforms,
`Platform.phone_code` and `Platform.sealed`, each platform declares. ``tools/pages.py`` writes all of it into
``docs/http.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

LOGIN: Final = (
    "login_code", "loginCode", "auth_code", "authCode", "js_code", "jsCode", "wx_code", "wxCode",
)  # fmt: skip
"""Names of the login code.

Two more rules depend on the platform. A name that it uses for the phone code (``Platform.phone_code``) is never a login
code. If the platform has no phone code, ``code`` is the login code.
"""
PHONE: Final = ("phone_code", "phoneCode")
"""Names that are always the phone code. A ``code`` in the same body is then the login code."""
ANY_PHONE: Final = ("code", "authCode", "auth_code")
"""Names of the phone code on all platforms, for a body whose platform is unknown."""
SEALED: Final = ("response", "sign", "encryptedData", "iv")
"""Names of sealed data and of what comes with it. The platforms' own further names are in ``Platform.sealed``."""
ENVELOPE: Final = frozenset({"response", "sign", "subCode", "sub_code", "subMsg", "sub_msg"})
"""Names that only an envelope has, which a platform seals and signs itself. Platforms without one refuse them."""
EVENT: Final = ("errMsg", "errno", "errorMessage", "cloudID", "cloudId", "subCode", "sub_code")
"""Names that only the event of a button, or its failure, has."""
AROUND: Final = ("authorization", "detail", "data", "params", "e", "res", "event", "mp")
"""Names of objects around an authorization: of our kit, of events, of request libraries, and of mpvue."""

_CAPITAL: Final = (
    *LOGIN, *PHONE, *SEALED, *AROUND, "code", "authorizationCode", "errMsg", "session", "consent",
)  # fmt: skip
SPELLINGS: Final[Mapping[str, str]] = {
    "encrypted_data": "encryptedData", "err_msg": "errMsg", "authorization_code": "authorizationCode",
    "IV": "iv", "ivStr": "iv", "IvStr": "iv",
    **{name[0].upper() + name[1:]: name for name in _CAPITAL if "_" not in name and name != "e"},
}  # fmt: skip
"""Other spellings of these names, such as those of C# and Go. Both in one object have to have one value."""

PARTS: Final = frozenset({*LOGIN, *PHONE, *ANY_PHONE, *SEALED, *EVENT, "authorizationCode", "authorization", "detail"})
"""Names that make an object look like an authorization. ``sign`` and ``detail`` do so beside others only."""
_DEEPEST: Final = 6
_DETAILS: Final = 2


def usual(name: str) -> str:
    """Return the usual spelling of a name."""
    return SPELLINGS.get(name, name)


def inside(layer: Mapping[str, Any]) -> list[str]:
    """Return the names of the objects in a layer that may be around an authorization."""
    return [name for name, value in layer.items() if type(value) is dict and usual(name) in AROUND]


def holds(layer: Mapping[str, Any], parts: frozenset[str] = PARTS, depth: int = 0) -> bool:
    """Return whether an object, or one that is around another, has one of these parts."""
    if any(usual(name) in parts and value not in (None, "") for name, value in layer.items()):
        return True
    return depth < _DEEPEST and any(holds(layer[name], parts, depth + 1) for name in inside(layer))


def innermost(layer: Mapping[str, Any], parts: frozenset[str]) -> tuple[list[str], Mapping[str, Any]]:
    """Return the names on the way to the object that is the authorization, and that object.

    ``authorization`` is always followed, and ``detail`` at most twice, as often as Skyline nests it. Another object is
    followed if nothing beside it is a part, and if it is the only one with parts.

    Raises:
        Several: Two objects have parts.
    """
    path: list[str] = []
    while len(path) < _DEEPEST:
        names = inside(layer)
        ours = [name for first in AROUND[:2] for name in names if usual(name) == first]
        if ours and list(map(usual, path)).count("detail") == _DETAILS and usual(ours[0]) == "detail":
            break
        if not ours:
            if any(usual(name) in parts and value not in (None, "") for name, value in layer.items()):
                break
            ours = [name for name in names if holds(layer[name], parts)]
            if len(ours) > 1 and any(layer[name] != layer[ours[0]] for name in ours):
                raise Several(path, ours)
        if not ours:
            break
        path.append(ours[0])
        layer = layer[ours[0]]
    return path, layer


class Several(Exception):
    """Several objects in one have parts of an authorization.

    Attributes:
        names: The paths of the first two.
    """

    def __init__(self, path: list[str], names: list[str]) -> None:
        super().__init__()
        self.names = [".".join((*path, name)) for name in names[:2]]
