"""What the simulated WeChat pushes, and how it signs and seals it. It shares no code with ``push.py``."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.forging import forge_cbc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.mirroring import RandomBytes

Pushed = tuple[dict[str, str], bytes]
"""Query and body of a request to the service."""

_WECHAT: Final = "owAqB1v0ahK_Xlc7GshIDdf2yf7E"
_PHONE: Final = "8"
_REVOKED, _CLOSED = "user_authorization_revoke", "user_authorization_cancellation"


class Pusher:
    """Pushes for one receiver: a mini program, or a third-party platform.

    Attributes:
        app_id: Its app id.
    """

    def __init__(self, random_bytes: RandomBytes, app_id: str, token: str, aes_key: bytes) -> None:
        self.app_id = app_id
        self._random = random_bytes
        self._token = token
        self._aes_key = aes_key

    def push_settings(self, *, plain: bool = False) -> dict[str, Any]:
        """Return the settings of a mini program of its own."""
        own = {"push_token": self._token, "push_aes_key": base64.b64encode(self._aes_key).decode("ascii")[:-1]}
        return {name: value for name, value in own.items() if not plain or name == "push_token"}

    def withdrawal(self, app_id: str, user: Mapping[str, str], now: float, *, account: bool = False) -> Pushed:
        """Return the push about a user who withdraws the phone number, or closes the account."""
        ids = {"OpenID": user["openid"], **({"UnionID": user["unionid"]} if user.get("unionid") else {})}
        more = {} if account else {"RevokeInfo": _PHONE}
        return self.event(now, {"Event": _CLOSED if account else _REVOKED, **ids, "AppID": app_id, **more})

    def event(
        self,
        now: float,
        fields: Mapping[str, str],
        *,
        created: float | None = None,
        as_json: bool = False,
        plain: bool = False,
    ) -> Pushed:
        """Return query and body of any event, in one of the console's formats and modes."""
        whole: dict[str, Any] = {
            "ToUserName": "gh_870882ca4b1",
            "FromUserName": _WECHAT,
            "CreateTime": int(now if created is None else created),
            "MsgType": "event",
            **fields,
        }
        if as_json:
            text = json.dumps(whole, ensure_ascii=False)
        else:
            inside = (f"<{name}>{_element(value)}</{name}>\n" for name, value in whole.items())
            text = f"<xml>\n{''.join(inside)}</xml>"
        if plain:
            return self.address(now, "/"), text.encode()
        return self.seal(now, text, wrap="{}", as_json=as_json)

    def address(self, now: float, openid: str = "", **more: str) -> dict[str, str]:
        """Return a query whose signature covers no message."""
        time, nonce = str(int(now)), str(int.from_bytes(self._random(4)))
        query = {"signature": self._sha1(time, nonce), "timestamp": time, "nonce": nonce}
        return {**query, **({"openid": openid} if openid else {}), **more}

    def seal(
        self,
        now: float,
        inside: str,
        *,
        receiver: str = "",
        key: bytes = b"",
        wrap: str = "<xml>{}</xml>",
        as_json: bool = False,
    ) -> Pushed:
        """Return query and body of a push with any content, for any receiver."""
        message = wrap.format(inside).encode()
        key = key or self._aes_key
        plain = self._random(16) + len(message).to_bytes(4) + message + (receiver or self.app_id).encode()
        sealed = forge_cbc(key, key[:16], plain, block=32)
        return self.sign(now, sealed, as_json=as_json)

    def sign(self, now: float, sealed: str, *, nonce: str = "", as_json: bool = False) -> Pushed:
        """Return query and body for a ciphertext."""
        time, nonce = str(int(now)), nonce or str(int.from_bytes(self._random(4)))
        query = {"timestamp": time, "nonce": nonce, "encrypt_type": "aes", "signature": self._sha1(time, nonce)}
        query["msg_signature"] = self._sha1(time, nonce, sealed)
        if as_json:
            return query, json.dumps({"ToUserName": "gh_870882ca4b1", "Encrypt": sealed}).encode()
        body = f"<xml>\n  <AppId><![CDATA[{self.app_id}]]></AppId>\n  <Encrypt><![CDATA[{sealed}]]></Encrypt>\n</xml>\n"
        return query, body.encode()

    def _sha1(self, *parts: str) -> str:
        return hashlib.sha1("".join(sorted([self._token, *parts])).encode()).hexdigest()  # noqa: S324


def _element(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f"<![CDATA[{value}]]>"
