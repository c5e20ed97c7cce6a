"""Examines a ``haoma.toml`` offline: every fault and warning of the settings, and what works but is unwise."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haoma.crypto import keys
from haoma.crypto.keys import KeyProblem
from haoma.doctor.configuration.secrets import Known, known_values
from haoma.doctor.platforms import all_symptoms, of_app
from haoma.errors import ConfigFaults
from haoma.io import clock
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, good, of_fault, warning
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import load
from haoma.settings.service import UNIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from haoma.platforms.base.contract import App
    from haoma.settings.model import Settings

_PRIVATE_KEY: Final = "private_key"
_APP_SECRETS: Final = frozenset({"app_secret", "client_secret"})
_PLACEHOLDER: Final = 16
"""Characters. No platform issues a secret this short."""
_FEW: Final = 4
"""Different characters. No random secret has this few."""
_WRITTEN: Final = re.compile(r"(?i)your[-_ ]|[-_ ]here\b|secret|x{8}|example|placeholder|change.?me")
_SAME: Final = re.compile(r"[a-z]{0,6}(.)\1{9,}")
_SKEW: Final = 120.0
_SOON: Final = 30 * 86_400.0


def examine(
    path: str, *, environ: Mapping[str, str] | None = None, now: float | None = None
) -> tuple[Settings | None, list[Known], list[Diagnosis]]:
    """Return the settings (None if they have faults), the values found in them, and the findings."""
    known = known_values(Path(path), environ)
    now = clock.now() if now is None else now
    serves = any(each.setting == "server_keys" for each in known)
    try:
        settings = load(path, environ=environ, now=now, serving=serves)
    except ConfigFaults as error:
        return None, known, [*map(of_fault, error.faults), *_known_values(known, {}, now), *set_back(path, known, now)]
    found = [*examine_settings(settings), *_known_values(known, settings.apps, now)]
    found += another_apps_key(known, settings.apps)
    return settings, known, [*found, *set_back(path, known, now), *packages()]


def examine_settings(settings: Settings) -> list[Diagnosis]:
    """Return the findings for settings that are in no file, such as those of a Django project."""
    return [*map(of_fault, settings.warnings), *_settings(settings)]


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
        return host == "localhost" or host.startswith(UNIX)


def plain_token(app: App) -> Iterator[Diagnosis]:
    """Warn about plain tokens: each fetch invalidates the previous one, no matter who uses it."""
    declared = PLATFORMS[app.platform].token_source
    source = declared(app) if declared is not None else None
    if source is not None and source.issuer == "plain":
        yield warning("doctor.token-plain", f"apps.{app.name}.token")


def of_the_platform(app: App) -> Iterator[Diagnosis]:
    """Yield what the app's platform itself calls unwise."""
    yield from of_app(app).examine(app)


def another_apps_key(known: Sequence[Known], apps: Mapping[str, App]) -> Iterator[Diagnosis]:
    """Report the public half of one of our private keys in place of a platform's key, unless it is the same app's."""
    ours = [(each, fingerprint) for each in known if (fingerprint := _fingerprint(each))]
    for name, app in apps.items():
        theirs = of_app(app).platform_keys(app, {each.setting for each in known if each.app == name})
        if theirs is None:
            continue
        prints = {keys.fingerprint(key) for key in theirs.keys}
        owners = [each for each, fingerprint in ours if each.app != name and fingerprint in prints]
        if owners:
            yield fault(theirs.code, f"apps.{name}.{theirs.setting}", pair_of=owners[0].where)


def _fingerprint(known: Known) -> str:
    """Return a fingerprint that identifies a private key in any format; empty for anything else."""
    if not known.setting.endswith(_PRIVATE_KEY):
        return ""
    try:
        return keys.fingerprint(keys.parse_private_key(known.value).public_key())
    except KeyProblem:
        return ""


def not_its_id(app: App) -> Iterator[Diagnosis]:
    """Warn about an app id in the shape of another platform's."""
    others = [name for name, shape in _id_shapes().items() if name != app.platform and shape.fullmatch(app.app_id)]
    shape = of_app(app).app_id
    if shape and shape.fullmatch(app.app_id) and _SAME.fullmatch(app.app_id):
        yield warning("config.app-id-shape", f"apps.{app.name}.app_id", guess=True, found=f"{app.app_id[:4]}...")
    if others and not of_app(app).knows_app_id:  # otherwise the settings have warned already
        yield warning("config.app-id-shape", f"apps.{app.name}", guess=True, looks_like=others[0])


_PER_APP: Final[tuple[Callable[[App], Iterator[Diagnosis]], ...]] = (
    plain_token, of_the_platform, not_its_id,
)  # fmt: skip


def set_back(path: str, known: Sequence[Known], now: float) -> Iterator[Diagnosis]:
    """Warn about a file with a time later than now: offline, only that reveals a slow clock."""
    newest = max(map(_written, {path, *(each.file for each in known)}), default=0.0)
    if newest - now > _SKEW:
        yield warning("doctor.clock-skew", "", guess=True, seconds=round(now - newest), ahead=False)


def _written(path: str) -> float:
    try:
        return Path(path).stat().st_mtime if path else 0.0
    except (OSError, ValueError):
        return 0.0


def _known_values(known: Sequence[Known], apps: Mapping[str, App], now: float) -> Iterator[Diagnosis]:
    secret = [(each, _fingerprint(each) or each.compact) for each in known if each.secret and each.app]
    for (one, its), (other, others) in combinations(secret, 2):
        alike = one.setting == other.setting or {one.setting, other.setting} <= _APP_SECRETS
        alike = alike or (one.setting.endswith(_PRIVATE_KEY) and other.setting.endswith(_PRIVATE_KEY))
        if one.app != other.app and alike and its == others:
            yield from _shared(one, other, apps)
    files = {each.file: each for each in known if each.secret and each.file}
    for path, each in files.items():
        if _readable_by_all(path):
            place = each.where if each.line == 0 else ""
            yield Diagnosis("doctor.readable-by-all", Severity.WARNING, place, {"path": Path(path).name}, file=path)
    for each in known:
        if not each.secret:
            yield from _certificate(each, now)
        elif each.setting in _APP_SECRETS and _is_placeholder(each, apps):
            yield warning("config.app-secret-shape", each.where, guess=True, characters=len(each.value))


def _is_placeholder(known: Known, apps: Mapping[str, App]) -> bool:
    app = apps.get(known.app)  # None if the settings have faults
    shapes = [each.app_secret for name, each in all_symptoms() if app is None or app.platform == name]
    judged = [shape for shape in shapes if shape is not None]  # the settings know more about these
    if len(set(known.value)) <= _FEW and (not judged or any(shape.fullmatch(known.value) for shape in judged)):
        return True
    written = _WRITTEN.search(known.value) or any(shape.fullmatch(known.value) for shape in _id_shapes().values())
    return not judged and bool(len(known.value) < _PLACEHOLDER or not known.value.isascii() or written)


def _id_shapes() -> dict[str, re.Pattern[str]]:
    return {name: each.app_id for name, each in all_symptoms() if each.app_id is not None}


def _shared(one: Known, other: Known, apps: Mapping[str, App]) -> Iterator[Diagnosis]:
    if one.setting == "aes_key" or one.setting.startswith(_of_an_operator()):
        return  # the settings refuse the former; the latter belong to the third-party platform that the apps share
    operators = {of_app(app).operator(app) for each in (one, other) if (app := apps.get(each.app)) is not None}
    if one.setting == "app_private_key" and len(operators) == 1 and operators != {""}:
        return
    ids = [apps[each.app].app_id for each in (one, other) if each.app in apps]
    if len(set(ids)) == 1 and ids:
        return  # one mini program with two names
    say = fault if one.setting in _APP_SECRETS else warning
    yield say("doctor.secret-shared", other.where, other=one.where)


def _of_an_operator() -> tuple[str, ...]:
    return tuple(start for _name, each in all_symptoms() for start in each.shared_settings)


def _readable_by_all(path: str) -> bool:
    try:
        return os.name == "posix" and bool(Path(path).stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _certificate(known: Known, now: float) -> Iterator[Diagnosis]:
    try:
        found = keys.leaf(keys.parse_certificates(known.value))
    except KeyProblem:
        return
    ends = found.not_valid_after_utc
    until = ends.date().isoformat()
    told = {setting: code for _name, each in all_symptoms() for setting, code in each.certificates.items()}
    if known.setting in told and ends.timestamp() < now + _SOON:  # for others the settings report it
        yield warning(told[known.setting], known.where, until=until)
        return
    yield good("doctor.certificate", known.where, until=until, sn=keys.serial_name(found))


def packages(path: Sequence[str] | None = None) -> Iterator[Diagnosis]:
    """Check the packages installed alongside haoma, using what the platforms know about them.

    Args:
        path: Directories to look in; None for those of this interpreter.
    """
    for _name, each in all_symptoms():
        yield from each.packages(path)
