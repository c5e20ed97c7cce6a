"""The configuration of a WeChat mini program.

Settings: ``app_id``, ``app_secret``, ``api_base_url``; ``token`` (``stable``, ``plain``, ``central``, ``cloud`` or
``cloud-file``); for a central token server ``token_url`` and ``token_url_key``, or from Python a function as
``token_source``; for the cloud ``cloud_base_url``, ``cloud_token_file`` and ``from_appid``; ``accept_encrypted_data``,
``check_encrypted_message``, ``encrypted_hash``, ``accept_members``; ``quota_warning``; ``api_sym_key``, ``api_sym_sn``,
``api_private_key`` and ``api_certificate`` for the API security mode (``api_security.py``); ``component_app_id``,
``component_app_secret``, ``component_token``, ``component_aes_key`` and ``authorizer_refresh_token`` for a third-party
platform (``component.py``); without one, ``push_token`` and ``push_aes_key`` for the mini program's own pushes
(``callback.py``); ``on_withdrawn``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from haoma.platforms.base.contract import App
from haoma.platforms.base.setting import (
    ACCEPT_MEMBERS,
    MAX_AGE,
    ON_WITHDRAWN,
    SESSION_SECONDS,
    SHARED,
    Kind,
    Setting,
)
from haoma.platforms.base.table import Table, origin
from haoma.platforms.wechat import api_security, provider
from haoma.platforms.wechat.component import NAMES as COMPONENT_NAMES
from haoma.platforms.wechat.component import SETTINGS as COMPONENT_SETTINGS
from haoma.platforms.wechat.component import Component, read_aes_keys
from haoma.platforms.wechat.component import configure as read_component

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.policy import Policy
    from haoma.secret import Secret

API: Final = "https://api.weixin.qq.com"

SIDECAR: Final = "http://api.weixin.qq.com"
"""In WeChat Cloud Run with the open-interface service, a process in the same container accepts requests to this
address, adds the token and continues over https. This is plain http by design, so it needs no
``allow_insecure_upstreams``."""
_TOKEN_FILE: Final = "/.tencentcloudbase/wx/cloudbase_access_token"  # noqa: S105 - a path, not a token
_SECRET_ISSUERS: Final = ("stable", "plain")
_CLOUD: Final = ("cloud", "cloud-file")
SETTINGS: Final = (
    Setting("app_id", required=True),
    Setting("app_secret", secret=True, key=True),
    Setting("api_base_url", Kind.ADDRESS, default=API),
    Setting("token", Kind.WORD, default="stable", choices=(*_SECRET_ISSUERS, "central", *_CLOUD)),
    Setting("token_url", Kind.ADDRESS),
    Setting("token_url_key", secret=True, key=True),
    Setting("token_source", Kind.FUNCTION),
    Setting("cloud_base_url", Kind.ADDRESS, default=SIDECAR),
    Setting("cloud_token_file", Kind.FILE, default=_TOKEN_FILE),
    Setting("from_appid"),
    Setting("accept_encrypted_data", Kind.FLAG),
    Setting("check_encrypted_message", Kind.FLAG),
    Setting("encrypted_hash", Kind.WORD, default="base64-text", choices=("base64-text", "bytes")),
    *api_security.SETTINGS,
    *COMPONENT_SETTINGS,
    *provider.SETTINGS,
    Setting("push_token", secret=True),
    Setting("push_aes_key", Kind.TEXTS, secret=True, key=True),
    Setting("quota_warning", Kind.NUMBER, default=1000, most=1_000_000_000, whole=True),
    *SHARED,
    MAX_AGE,
    SESSION_SECONDS,
    ACCEPT_MEMBERS,
    ON_WITHDRAWN,
)
_APP_ID: Final = re.compile(r"wx[0-9a-f]{16}")
_APP_SECRET: Final = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, kw_only=True)
class WeChatApp(App):
    """One configured WeChat mini program.

    Attributes:
        app_secret: The AppSecret; None if tokens come from elsewhere and there are no logins.
        api_base_url: WeChat, or a proxy in front of it.
        issuer: Who issues the access_token: ``stable``, ``plain``, ``central``, ``source``, ``component``, or
            ``cloud-file``. With ``cloud``, haoma never sees a token.
        token_url, token_url_key: The central token server, and its bearer key.
        token_source: Called with the app's name and the token that WeChat has just rejected, or None; returns a token.
        cloud_base_url: Address of the sidecar; empty unless the issuer is ``cloud``.
        from_appid: The app id again, for an environment that belongs to another mini program (cloud only).
        accept_encrypted_data: Accept ``encryptedData`` and ``iv``.
        check_encrypted_message: Ask WeChat (``checkencryptedmsg``) before decrypting anything.
        security: The keys of the API security mode; None if it is off.
        component: The third-party platform to which the app has granted its rights; None if there is none.
        push_token, push_aes_keys: Verify and open the mini program's own pushes; newest key first. None if it has none
            or a component. Without a key, pushes are in plain text.
        quota_warning: ``usage.py`` calls a quota low if no more than this is left.
        provider: The account of the service provider that buys packages for the mini program; None if there is none.
        encrypted_hash: What ``checkencryptedmsg`` hashes: ``base64-text`` or ``bytes``. WeChat's page does not say.
    """

    app_secret: Secret | None = field(default=None, repr=False)
    api_base_url: str = API
    issuer: str = "stable"
    token_url: str = ""
    token_url_key: Secret | None = field(default=None, repr=False)
    token_source: Callable[..., Any] | None = None
    cloud_base_url: str = ""
    from_appid: str = ""
    accept_encrypted_data: bool = False
    check_encrypted_message: bool = False
    encrypted_hash: str = "base64-text"
    quota_warning: int = 1000
    security: api_security.Security | None = field(default=None, repr=False)
    component: Component | None = field(default=None, repr=False)
    provider: provider.Provider | None = field(default=None, repr=False)
    push_token: Secret | None = field(default=None, repr=False)
    push_aes_keys: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def in_cloud(self) -> bool:
        """True if calls go through WeChat Cloud Run. It does not support every API."""
        return self.issuer in _CLOUD


def configure(table: Table) -> WeChatApp | None:
    """Build the app from its settings. Faults go to the table."""
    table.declare(SETTINGS)
    app_id = table.text("app_id")
    issuer = _issuer(table)
    token_source = table.function("token_source")
    component = read_component(table)
    for setting, found in (("app_id", app_id), ("component_app_id", component.app_id if component else "")):
        if found and not _APP_ID.fullmatch(found):
            table.warn("config.app-id-shape", setting, needed="wx and 16 of 0-9 a-f")
    accept_encrypted_data = table.flag("accept_encrypted_data")
    app_secret = table.secret(
        "app_secret", required=issuer != "component" and (accept_encrypted_data or issuer in _SECRET_ISSUERS)
    )
    if app_secret and not _APP_SECRET.fullmatch(app_secret.reveal()):
        table.warn("config.app-secret-shape", "app_secret", characters=len(app_secret.reveal()), needed=32)
    api_base_url = table.url("api_base_url")
    token_url, token_url_key = _central(table) if issuer == "central" else ("", None)
    cloud_base_url = _sidecar(table) if issuer == "cloud" else ""
    if issuer == "cloud-file":
        token_source = table.followed("cloud_token_file")
    from_appid = table.text("from_appid") if issuer in _CLOUD else ""
    # WeChat acts for the mini program that it names. A code of another one would be paid for, and its number would then
    # be refused for its watermark.
    if from_appid not in ("", app_id):
        table.fault("config.app-ids-conflict", "from_appid", needed="app_id")
    if component and component.app_id == app_id:
        table.fault("config.app-ids-conflict", "component_app_id", same_as="app_id")
    check_encrypted_message = table.flag("check_encrypted_message")
    encrypted_hash = table.choice("encrypted_hash")
    quota_warning = int(table.number("quota_warning"))
    security = api_security.configure(table)
    found_provider = provider.configure(table)
    if issuer in _CLOUD:
        impossible = (*(["check_encrypted_message"] if check_encrypted_message else []), *api_security.NAMES)
        for setting in filter(table.__contains__, impossible):
            table.fault("config.not-in-the-cloud", setting, token=issuer)
    policy, reply = table.policy(), table.reply()
    push_token, push_aes_keys = _own_pushes(table, issuer, policy)
    # A ciphertext must be remembered for as long as its watermark can be recent enough, on both sides of now.
    policy = replace(policy, code_seconds=max(policy.code_seconds, 2 * policy.max_age + 60))
    table.finish()
    if table.broken:
        return None
    return WeChatApp(
        name=table.name,
        platform="wechat",
        app_id=app_id,
        upstreams=tuple(origin(url) for url in (api_base_url, token_url, cloud_base_url) if url),
        sidecar=SIDECAR if cloud_base_url == SIDECAR else "",
        policy=policy,
        reply=reply,
        app_secret=app_secret,
        api_base_url=api_base_url,
        issuer=issuer,
        token_url=token_url,
        token_url_key=token_url_key,
        token_source=token_source,
        cloud_base_url=cloud_base_url,
        from_appid=from_appid,
        accept_encrypted_data=accept_encrypted_data,
        check_encrypted_message=check_encrypted_message,
        encrypted_hash=encrypted_hash,
        quota_warning=quota_warning,
        security=security,
        component=component,
        provider=found_provider,
        push_token=push_token,
        push_aes_keys=push_aes_keys,
    )


def _issuer(table: Table) -> str:
    """Return the issuer of the token. A third-party platform and a callback take precedence over the setting."""
    issuer = table.choice("token")
    others = [setting for setting in ("token", "token_source") if setting in table]
    if any(setting in table for setting in COMPONENT_NAMES):
        for setting in others:
            table.fault("config.component-has-its-own-token", setting)
        return "component"
    return "source" if "token_source" in table else issuer


def _own_pushes(table: Table, issuer: str, policy: Policy) -> tuple[Secret | None, tuple[bytes, ...]]:
    if issuer == "component":  # WeChat pushes what concerns its mini programs to the third-party platform only
        return None, ()
    aes_keys = read_aes_keys(table, "push_aes_key")
    token = table.secret("push_token", required="push_aes_key" in table)
    if token and "push_aes_key" not in table:
        table.warn("config.plain-pushes", "push_token")
        # The signature of a plain push does not cover its content: that may cost a link, but it must not cost data.
        if policy.on_withdrawn == "erase":
            table.fault("config.missing-setting", "push_aes_key", because_of="on_withdrawn")
    return token, aes_keys


def _sidecar(table: Table) -> str:
    if table.text("cloud_base_url").rstrip("/") == SIDECAR:
        return SIDECAR
    return table.url("cloud_base_url")


def _central(table: Table) -> tuple[str, Secret | None]:
    if "token_url" not in table:
        table.fault("config.missing-setting", "token_url")
        return "", None
    return table.url("token_url"), table.secret("token_url_key", required=True)
