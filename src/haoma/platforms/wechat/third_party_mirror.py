"""WeChat's side of a third-party platform: pushes of tickets, and the tokens that hang on them.

A part of ``mirror.py`` that shares no code with ``push.py`` and ``component.py``.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.forging import forge_cbc

if TYPE_CHECKING:
    from haoma.mirroring import RandomBytes

_LIFE: Final = 7200
_TICKET_LIFE: Final = 12 * 3600.0


class ThirdParty:
    """A third-party platform at WeChat, to which one merchant has granted its rights."""

    def __init__(self, random_bytes: RandomBytes, merchant: str) -> None:
        self._random = random_bytes
        self._merchant = merchant
        self.app_id = f"wx{random_bytes(8).hex()}"
        self._secret = random_bytes(16).hex()
        self._token = random_bytes(8).hex()
        self._aes_key = random_bytes(32)
        self._refresh_token = f"refreshtoken@@@{random_bytes(16).hex()}"
        self._tickets: dict[str, float] = {}
        self._tokens: dict[str, float] = {}
        self.pushes_asked_for = 0

    def settings(self) -> dict[str, Any]:
        """Return the settings that fit."""
        return {
            "component_app_id": self.app_id,
            "component_app_secret": self._secret,
            "component_token": self._token,
            "component_aes_key": base64.b64encode(self._aes_key).decode("ascii")[:-1],
            "authorizer_refresh_token": self._refresh_token,
        }

    def push(self, now: float, *, created: float | None = None) -> tuple[dict[str, str], bytes]:
        """Return query and body of the push of a new ticket."""
        ticket = f"ticket@@@{self._random(24).hex()}"
        self._tickets[ticket] = now + _TICKET_LIFE
        fields = {
            "AppId": self.app_id,
            "CreateTime": str(int(now if created is None else created)),
            "InfoType": "component_verify_ticket",
            "ComponentVerifyTicket": ticket,
        }
        return self.seal(now, "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items()))

    def seal(
        self, now: float, inside: str, *, receiver: str = "", key: bytes = b"", wrap: str = "<xml>{}</xml>"
    ) -> tuple[dict[str, str], bytes]:
        """Return query and body of a push of anything, to whomever."""
        message = wrap.format(inside).encode()
        key = key or self._aes_key
        plain = self._random(16) + len(message).to_bytes(4) + message + (receiver or self.app_id).encode()
        sealed = forge_cbc(key, key[:16], plain, block=32)
        return self.sign(now, sealed)

    def sign(self, now: float, sealed: str) -> tuple[dict[str, str], bytes]:
        """Return query and body for a ciphertext."""
        time, nonce = str(int(now)), self._random(4).hex()
        query = {"timestamp": time, "nonce": nonce, "encrypt_type": "aes", "signature": self._sha1(time, nonce)}
        query["msg_signature"] = self._sha1(time, nonce, sealed)
        body = f"<xml>\n  <AppId><![CDATA[{self.app_id}]]></AppId>\n  <Encrypt><![CDATA[{sealed}]]></Encrypt>\n</xml>\n"
        return query, body.encode()

    def _sha1(self, *parts: str) -> str:
        return hashlib.sha1("".join(sorted([self._token, *parts])).encode()).hexdigest()  # noqa: S324

    def refusal(self, query: dict[str, str], now: float) -> int:
        """Return the errcode that a request with the component's token gets; 0 if none."""
        if query.get("component_appid", self.app_id) != self.app_id:
            return 61011
        if self._tokens.get(query.get("component_access_token", ""), 0) < now:
            return 42001
        return 0 if query.get("appid", self._merchant) == self._merchant else 61003

    def answer(self, path: str, asked: dict[str, Any], query: dict[str, str], now: float) -> dict[str, Any] | int:
        """Return the answer to a request, or the errcode that it gets."""
        if asked.get("component_appid") != self.app_id:
            return 61011 if asked.get("component_appid") else 41018
        match path.rpartition("/")[2]:
            case "api_start_push_ticket":
                self.pushes_asked_for += 1
                return {"errcode": 0, "errmsg": "ok"} if asked.get("component_secret") == self._secret else 61006
            case "api_component_token":
                return self._component_token(asked, now)
            case _:
                return self._authorizer_token(asked, query, now)

    def _authorizer_token(self, asked: dict[str, Any], query: dict[str, str], now: float) -> dict[str, Any] | int:
        refused = self.refusal({**query, "appid": str(asked.get("authorizer_appid"))}, now)
        if refused:
            return refused
        if asked.get("authorizer_refresh_token") != self._refresh_token:
            return 61023
        return {"expires_in": _LIFE, "authorizer_refresh_token": self._refresh_token}

    def _component_token(self, asked: dict[str, Any], now: float) -> dict[str, Any] | int:
        ticket = asked.get("component_verify_ticket")
        if asked.get("component_appsecret") != self._secret or ticket not in self._tickets:
            return 61006
        if self._tickets[ticket] < now:
            return 61005
        token = f"61_{self._random(48).hex()}"
        self._tokens[token] = now + _LIFE
        return {"component_access_token": token, "expires_in": _LIFE}

    def kill_tokens(self) -> None:
        """Make every token of the component invalid."""
        self._tokens.clear()
