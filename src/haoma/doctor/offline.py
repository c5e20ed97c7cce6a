"""What a ``haoma.toml`` gives away by itself: every fault and warning of the settings, and what works but is unwise."""

from __future__ import annotations

import ipaddress
import os
import stat
from importlib import metadata
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haoma.crypto import keys
from haoma.crypto.keys import KeyProblem
from haoma.doctor.diagnosis import Diagnosis, Severity, fault, good, note, of_fault, warning
from haoma.doctor.known import Known, known_values
from haoma.errors import ConfigFaults
from haoma.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from haoma.contract import App

_CLASHING: Final = ("alipay-sdk-python", "python-alipay-sdk")
"""Two distributions that both install a package named ``alipay``, over each other."""


def examine(
    path: str, *, environ: Mapping[str, str] | None = None, now: float | None = None
) -> tuple[Settings | None, list[Known], list[Diagnosis]]:
    """Return the settings (None if they have faults), the values that were found in them, and what there is to say."""
    known = known_values(Path(path), environ)
    serves = any(each.setting == "server_keys" for each in known)
    try:
        settings = load(path, environ=environ, now=now, serving=serves)
    except ConfigFaults as error:
        return None, known, [*map(of_fault, error.faults), *_known_values(known, {})]
    found = [*map(of_fault, settings.warnings), *_settings(settings), *_known_values(known, settings.apps)]
    return settings, known, [*found, *packages()]


def _settings(settings: Settings) -> Iterator[Diagnosis]:
    yield good("doctor.settings-read", "", apps=", ".join(settings.apps))
    if not _is_private(settings.service.host) and settings.service.keys:
        yield warning("doctor.open-to-the-world", "service.listen", host=settings.service.host)
    for app in settings.apps.values():
        for examined in _PER_APP:
            yield from examined(app)


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def plain_token(app: App) -> Iterator[Diagnosis]:
    """Each fetch of a plain token kills the one before it, whoever holds that."""
    if getattr(app, "issuer", "") == "plain":
        yield warning("doctor.token-plain", f"apps.{app.name}.token")


def old_way(app: App) -> Iterator[Diagnosis]:
    """The old way has no signature; WeChat alone can be asked whether a ciphertext is its own."""
    checked = getattr(app, "check_encrypted_message", False)
    if app.platform in ("wechat", "douyin") and getattr(app, "old_way", False) and not checked:
        yield warning("doctor.old-way-on", f"apps.{app.name}.old_way")


def no_login(app: App) -> Iterator[Diagnosis]:
    """Without a key for the gateway nobody can be logged in, and every envelope can be sent by anybody."""
    if app.platform == "alipay" and getattr(app, "private_key", None) is None:
        yield note("doctor.no-login", f"apps.{app.name}.app_private_key")


_PER_APP: Final[tuple[Callable[[App], Iterator[Diagnosis]], ...]] = (plain_token, old_way, no_login)


def _known_values(known: Sequence[Known], apps: Mapping[str, App]) -> Iterator[Diagnosis]:
    for one, other in combinations([each for each in known if each.secret and each.app], 2):
        if one.app != other.app and one.setting == other.setting and one.compact == other.compact:
            yield from _shared(one, other, apps)
    files = {each.file: each for each in known if each.secret and each.file}
    for path, each in files.items():
        if _readable_by_all(path):
            place = each.where if each.line == 0 else ""
            yield Diagnosis("doctor.readable-by-all", Severity.WARNING, place, {"path": Path(path).name}, file=path)
    for each in known:
        if not each.secret:
            yield from _certificate(each)


def _shared(one: Known, other: Known, apps: Mapping[str, App]) -> Iterator[Diagnosis]:
    if one.setting == "aes_key":
        return  # the settings refuse that
    ids = [apps[each.app].app_id for each in (one, other) if each.app in apps]
    if len(set(ids)) == 1 and ids:
        return  # one mini program under two names
    say = fault if one.setting == "app_secret" else warning
    yield say("doctor.secret-shared", other.where, other=one.where)


def _readable_by_all(path: str) -> bool:
    try:
        return os.name == "posix" and bool(Path(path).stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _certificate(known: Known) -> Iterator[Diagnosis]:
    try:
        found = keys.leaf(keys.parse_certificates(known.value))
    except KeyProblem:
        return
    yield good(
        "doctor.certificate",
        known.where,
        until=found.not_valid_after_utc.date().isoformat(),
        sn=keys.serial_name(found),
    )


def packages(path: Sequence[str] | None = None) -> Iterator[Diagnosis]:
    """Look at what is installed beside haoma: the two Alipay packages that overwrite each other.

    Args:
        path: Directories to look in; those of this interpreter when None.
    """
    installed = metadata.distributions(path=list(path)) if path is not None else metadata.distributions()
    there = {str(each.name).lower().replace("_", "-"): each.version for each in installed if each.name}
    found = {name: there[name] for name in _CLASHING if name in there}
    if len(found) == len(_CLASHING):
        yield warning("doctor.alipay-packages-clash", installed=", ".join(" ".join(each) for each in found.items()))
    elif "alipay-sdk-python" in found:
        yield note("doctor.alipay-sdk-broken", "", version=found["alipay-sdk-python"])
