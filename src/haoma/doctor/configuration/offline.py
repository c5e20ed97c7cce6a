"""What a ``haoma.toml`` gives away by itself: every fault and warning of the settings, and what works but is unwise."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from importlib import metadata
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto import keys
from haoma.crypto.keys import KeyProblem
from haoma.doctor.configuration.secrets import Known, known_values
from haoma.doctor.diagnosis import Diagnosis, Severity, fault, good, note, of_fault, warning
from haoma.errors import ConfigFaults
from haoma.io import clock
from haoma.platforms.alipay.app import AlipayApp
from haoma.platforms.wechat.app import WeChatApp
from haoma.settings.reader import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from haoma.platforms.base.contract import App
    from haoma.settings.model import Settings

_PRIVATE_KEY: Final = "private_key"
_APP_SECRETS: Final = frozenset({"app_secret", "client_secret"})
_SHAPED: Final = ("alipay", "wechat", "douyin", "baidu")
_IDS: Final = {
    "wechat": re.compile(r"wx[0-9a-f]{16}"),
    "alipay": re.compile(r"20[0-3]\d{13}"),
    "douyin": re.compile(r"tt[0-9a-f]{16,18}"),
    "dingtalk": re.compile(r"ding[0-9a-z]{12,20}"),
}
_PLACEHOLDER: Final = 16
"""Characters; no secret that a platform has given out is as short."""
_FEW: Final = 4
"""Different characters; no random secret has as few."""
_WRITTEN: Final = re.compile(r"(?i)your[-_ ]|[-_ ]here\b|secret|x{8}|example|placeholder|change.?me")
_HEX: Final = re.compile(r"[0-9a-fA-F]{32}")
_SAME: Final = re.compile(r"(?:wx|tt)(.)\1{15,17}")
_OF_A_PLATFORM: Final = ("component_", "isv_")
_SKEW: Final = 120.0
_SOON: Final = 30 * 86_400.0
_CLASHING: Final = ("alipay-sdk-python", "python-alipay-sdk")
"""Two distributions that both install a package named ``alipay``, over each other."""


def examine(
    path: str, *, environ: Mapping[str, str] | None = None, now: float | None = None
) -> tuple[Settings | None, list[Known], list[Diagnosis]]:
    """Return the settings (None if they have faults), the values that were found in them, and what there is to say."""
    known = known_values(Path(path), environ)
    now = clock.now() if now is None else now
    serves = any(each.setting == "server_keys" for each in known)
    try:
        settings = load(path, environ=environ, now=now, serving=serves)
    except ConfigFaults as error:
        return None, known, [*map(of_fault, error.faults), *_known_values(known, {}, now), *set_back(path, known, now)]
    found = [*map(of_fault, settings.warnings), *_settings(settings), *_known_values(known, settings.apps, now)]
    found += another_apps_key(known, settings.apps)
    return settings, known, [*found, *set_back(path, known, now), *packages()]


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
    """Without what a login is asked for with, nobody can be logged in, and what is sent can be sent by anybody."""
    if isinstance(app, AlipayApp) and app.private_key is None:
        yield note("doctor.no-login", f"apps.{app.name}.app_private_key")
    elif isinstance(app, AlipayApp) and app.isv_app_id and app.app_auth_token is None:
        yield note("doctor.no-login", f"apps.{app.name}.app_auth_token")
    by_itself = getattr(app, "component", None) is None  # a third-party platform logs in with its own token
    if app.platform in ("wechat", "douyin") and by_itself and getattr(app, "app_secret", None) is None:
        yield note("doctor.no-login", f"apps.{app.name}.app_secret")


def own_key(app: App) -> Iterator[Diagnosis]:
    """WeChat's replies are verified with WeChat's certificate; our own in its place lets none of them pass."""
    security = app.security if isinstance(app, WeChatApp) else None
    if security and any(keys.same_key(security.private_key.public_key(), each) for each in security.platform_keys):
        yield fault("doctor.own-key-as-wechats", f"apps.{app.name}.api_certificate")


def another_apps_key(known: Sequence[Known], apps: Mapping[str, App]) -> Iterator[Diagnosis]:
    """The public half of a private key of ours where the platform's key belongs; that of the same app has been told."""
    ours = [(each, fingerprint) for each in known if (fingerprint := _fingerprint(each))]
    for name, app in apps.items():
        theirs, setting, code = [], "", ""
        if isinstance(app, AlipayApp):
            by_cert = any((each.app, each.setting) == (name, "alipay_cert") for each in known)
            setting = "alipay_cert" if by_cert else "alipay_public_key"
            code = "config.certificate-is-the-apps" if by_cert else "config.app-public-key-used"
            theirs = [keys.fingerprint(key) for key in app.public_keys]
        elif isinstance(app, WeChatApp) and app.security:
            setting, code = "api_certificate", "doctor.own-key-as-wechats"
            theirs = [keys.fingerprint(key) for key in app.security.platform_keys]
        owners = [each for each, fingerprint in ours if each.app != name and fingerprint in theirs]
        if owners:
            yield fault(code, f"apps.{name}.{setting}", pair_of=owners[0].where)


def _fingerprint(known: Known) -> str:
    """Return what names a private key in whatever format it is written; empty for anything else."""
    if not known.setting.endswith(_PRIVATE_KEY):
        return ""
    try:
        return keys.fingerprint(keys.parse_private_key(known.value).public_key())
    except KeyProblem:
        return ""


def not_its_id(app: App) -> Iterator[Diagnosis]:
    """The number of an Alipay account (PID), and the id of another platform, are no app id of this one."""
    if app.platform == "alipay" and app.app_id.startswith("2088"):
        yield warning("config.app-id-shape", f"apps.{app.name}.app_id", found="2088..., the number of an account (PID)")
    others = [name for name, shape in _IDS.items() if name != app.platform and shape.fullmatch(app.app_id)]
    if _SAME.fullmatch(app.app_id):
        yield warning("config.app-id-shape", f"apps.{app.name}.app_id", guess=True, found=f"{app.app_id[:4]}...")
    if others and app.platform not in _SHAPED:  # of those the settings know the shape, and have said so
        yield warning("config.app-id-shape", f"apps.{app.name}", guess=True, looks_like=others[0])


_PER_APP: Final[tuple[Callable[[App], Iterator[Diagnosis]], ...]] = (
    plain_token, old_way, no_login, own_key, not_its_id,
)  # fmt: skip


def set_back(path: str, known: Sequence[Known], now: float) -> Iterator[Diagnosis]:
    """A file that was written later than now: offline the only thing that gives away a clock that is slow."""
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
    platform = getattr(apps.get(known.app), "platform", "wechat")  # of WeChat's the settings know more
    if len(set(known.value)) <= _FEW and (platform != "wechat" or _HEX.fullmatch(known.value)):
        return True
    written = _WRITTEN.search(known.value) or any(shape.fullmatch(known.value) for shape in _IDS.values())
    return platform != "wechat" and bool(len(known.value) < _PLACEHOLDER or not known.value.isascii() or written)


def _shared(one: Known, other: Known, apps: Mapping[str, App]) -> Iterator[Diagnosis]:
    if one.setting == "aes_key" or one.setting.startswith(_OF_A_PLATFORM):
        return  # the settings refuse the one; the others belong to the third-party platform that the apps share
    isv = {getattr(apps[each.app], "isv_app_id", "") for each in (one, other) if each.app in apps}
    if one.setting == "app_private_key" and len(isv) == 1 and isv != {""}:
        return
    ids = [apps[each.app].app_id for each in (one, other) if each.app in apps]
    if len(set(ids)) == 1 and ids:
        return  # one mini program under two names
    say = fault if one.setting in _APP_SECRETS else warning
    yield say("doctor.secret-shared", other.where, other=one.where)


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
    if known.setting == "api_certificate" and ends.timestamp() < now + _SOON:  # the settings tell Alipay's
        yield warning("doctor.certificate-of-wechat-ends", known.where, until=until)
        return
    yield good("doctor.certificate", known.where, until=until, sn=keys.serial_name(found))


def packages(path: Sequence[str] | None = None) -> Iterator[Diagnosis]:
    """Look at what is installed beside haoma: the two Alipay packages that overwrite each other.

    Args:
        path: Directories to look in; those of this interpreter when None.
    """
    there: dict[str, Any] = {} if path is None else {"path": list(path)}
    # Asked for by name: to read what every package of a large environment says of itself takes longer than all else.
    found = {name: each.version for name in _CLASHING for each in metadata.distributions(name=name, **there)}
    if len(found) == len(_CLASHING):
        yield warning("doctor.alipay-packages-clash", installed=", ".join(" ".join(each) for each in found.items()))
    elif "alipay-sdk-python" in found:
        yield note("doctor.alipay-sdk-broken", "", version=found["alipay-sdk-python"])
