"""The configuration of a Douyin mini program.

Settings: ``app_id``, ``app_secret``; ``app_private_key`` (text or list); ``api_base_url``, ``login_base_url``;
``token`` (``stable``, ``plain`` or ``central``); for a central token server ``token_url`` and ``token_url_key``, or
from Python a function as ``token_source``; ``accept_encrypted_data``, ``accept_members``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.keys import KeyProblem
from haoma.platforms.base.contract import App
from haoma.platforms.base.setting import ACCEPT_MEMBERS, SESSION_SECONDS, SHARED, Kind, Setting
from haoma.platforms.base.table import Table, origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from haoma.secret import Secret

API: Final = "https://open.douyin.com"
LOGIN: Final = "https://developer.toutiao.com"
SETTINGS: Final = (
    Setting("app_id", required=True),
    Setting("app_secret", secret=True, key=True),
    Setting("app_private_key", Kind.TEXTS, secret=True, key=True),
    Setting("api_base_url", Kind.ADDRESS, default=API),
    Setting("login_base_url", Kind.ADDRESS, default=LOGIN),
    Setting("token", Kind.WORD, default="stable", choices=("stable", "plain", "central")),
    Setting("token_url", Kind.ADDRESS),
    Setting("token_url_key", secret=True, key=True),
    Setting("token_source", Kind.FUNCTION),
    Setting("accept_encrypted_data", Kind.FLAG),
    *SHARED,
    SESSION_SECONDS,
    ACCEPT_MEMBERS,
)
_APP_ID: Final = re.compile(r"tt[0-9a-z]{6,30}")


@dataclass(frozen=True, kw_only=True)
class DouyinApp(App):
    """One configured Douyin mini program.

    Attributes:
        app_secret: The AppSecret; None if tokens come from elsewhere and there are no logins.
        private_keys: The app's own keys. One of them must open Douyin's reply. Empty if only the session_key flow is
            used.
        api_base_url: Douyin's open platform, or a proxy in front of it.
        login_base_url: Address of the login, which has another host.
        issuer: Who issues the client_token: ``stable``, ``plain``, ``central`` or ``source``.
        token_url, token_url_key: The central token server, and its bearer key.
        token_source: Called with the app's name and the token that Douyin has just rejected, or None; returns a token.
        accept_encrypted_data: Accept ``encryptedData`` and ``iv``.
    """

    app_secret: Secret | None = field(default=None, repr=False)
    private_keys: tuple[RSAPrivateKey, ...] = field(default=(), repr=False)
    api_base_url: str = API
    login_base_url: str = LOGIN
    issuer: str = "stable"
    token_url: str = ""
    token_url_key: Secret | None = field(default=None, repr=False)
    token_source: Callable[..., Any] | None = None
    accept_encrypted_data: bool = False


def configure(table: Table) -> DouyinApp | None:
    """Build the app from its settings. Faults go to the table."""
    table.declare(SETTINGS)
    app_id = table.text("app_id")
    if app_id and not _APP_ID.fullmatch(app_id):
        table.warn("config.app-id-shape", "app_id", needed="tt and digits and small letters")
    token_source = table.function("token_source")
    issuer = table.choice("token")
    if token_source is not None:
        issuer = "source"
    accept_encrypted_data = table.flag("accept_encrypted_data")
    private_keys = _private_keys(table, required=not accept_encrypted_data)
    needs_secret = accept_encrypted_data or issuer in ("stable", "plain")
    app_secret = table.secret("app_secret", required=needs_secret)
    api_base_url = table.url("api_base_url")
    login_base_url = table.url("login_base_url", default=api_base_url if "api_base_url" in table else None)
    token_url, token_url_key = _central(table) if issuer == "central" else ("", None)
    policy, reply = table.policy(), table.reply()
    if accept_encrypted_data:
        # The age of a ciphertext is unknown, so it is remembered for as long as its session_key can be kept.
        policy = replace(policy, code_seconds=max(policy.code_seconds, 2 * policy.session_seconds))
    table.finish()
    if table.broken:
        return None
    upstreams = [api_base_url, login_base_url, *([token_url] if token_url else [])]
    return DouyinApp(
        name=table.name,
        platform="douyin",
        app_id=app_id,
        upstreams=tuple(dict.fromkeys(map(origin, upstreams))),
        policy=policy,
        reply=reply,
        app_secret=app_secret,
        private_keys=private_keys,
        api_base_url=api_base_url,
        login_base_url=login_base_url,
        issuer=issuer,
        token_url=token_url,
        token_url_key=token_url_key,
        token_source=token_source,
        accept_encrypted_data=accept_encrypted_data,
    )


def _private_keys(table: Table, *, required: bool) -> tuple[RSAPrivateKey, ...]:
    found = []
    for text in table.texts("app_private_key", required=required):
        try:
            found.append(table.parse_private_key(text))
        except KeyProblem as problem:
            table.fault(problem.code, "app_private_key", **problem.because)
    return tuple(found)


def _central(table: Table) -> tuple[str, Secret | None]:
    if "token_url" not in table:
        table.fault("config.missing-setting", "token_url")
        return "", None
    return table.url("token_url"), table.secret("token_url_key", required=True)
