"""The platforms of a case of the way ``request``: they answer as the case says, and note which codes they were sent.

So what was read from a request is seen from outside, whatever the implementation: the code that was taken for the login
is the one that comes to the login, and the phone code is the one that is exchanged for a number.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LOGINS = {"jscode2session", "jscode2sessionkey", "code2session", "session", "gateway.do"}
PHONES = {"getuserphonenumber", "get_phonenumber_info", "getPhoneNumber", "userAccessToken", "oauth2/v3/token"}
USERS_TOKEN = {"access_token": "token", "token_type": "Bearer", "expires_in": 3600}
"""What Huawei's flow ``scope-phone`` answers to a code."""
TOKENS = {
    "stable_token": {"access_token": "token", "expires_in": 7200},
    "stable_client_token": {
        "data": {"access_token": "token", "expires_in": 7200, "error_code": 0},
        "message": "success",
    },
    "userAccessToken": {"accessToken": "token", "expireIn": 7200},
    "oauth2/v3/token": USERS_TOKEN,
    "token": {"data": {"access_token": "token", "expire_in": 7200}, "success": True, "msg": "success", "code": 0},
}
FIRST_CALLS = {("huawei", "token"): "oauth2/v3/token"}
"""By platform: a call that takes a phone code, and whose last part is the name of another platform's call."""
SETTINGS: dict[str, dict[str, Any]] = {
    "alipay": {"gateway_url": "/gateway.do"},
    "wechat": {"api_base_url": "", "accept_encrypted_data": True},
    "baidu": {"api_base_url": ""},
    "douyin": {"api_base_url": "", "login_base_url": "", "accept_encrypted_data": True},
    "kuaishou": {"api_base_url": ""},
    "xiaohongshu": {"api_base_url": ""},
    "huawei": {"api_base_url": ""},
    "dingtalk": {"api_base_url": ""},
}
"""haoma's settings beside the keys of a case; those that are paths stand for addresses."""


class Platforms:
    """What is behind the addresses of the platforms, for one case."""

    def __init__(self, case: dict[str, Any]) -> None:
        self._keys = case["keys"]
        self._kind = case["keys"]["apps"][case["input"]["app"]]["platform"]
        self._app = case["input"]["app"]
        self.login_code: str | None = None
        self.phone_code: str | None = None

    def answer(self, url: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body."""
        split = urlsplit(url)
        place = split.path.rstrip("/").rsplit("/", 1)[-1]
        place = FIRST_CALLS.get((self._kind, place), place)
        if place in TOKENS and place not in PHONES:
            return 200, json.dumps(TOKENS[place]).encode()
        if place in ("me", "rest.php"):  # the second call of DingTalk and of Huawei; the first has noted the code
            return self._reply("phone", self._keys["phone_codes"].get(self.phone_code))
        code = _code(split.query, body)
        if place in PHONES:
            self.phone_code = code
            reply = self._keys.get("phone_codes", {}).get(code)
            if place in TOKENS and reply is not None:
                return 200, json.dumps(TOKENS[place]).encode()
            return self._reply("phone", reply)
        if place in LOGINS:
            self.login_code = code
            return self._reply("login", self._keys.get("logins", {}).get(code))
        return 404, b""

    def _reply(self, kind: str, reply: str | None) -> tuple[int, bytes]:
        if reply is not None:
            return 200, reply.encode()
        status = 400 if self._kind == "dingtalk" else 200
        return status, self._keys["other_codes"][kind].encode()

    def reading(self) -> dict[str, Any]:
        """Return what was read, as far as the platforms have seen it."""
        source = "envelope" if self._kind == "alipay" else "sealed-data" if self.phone_code is None else "phone-code"
        read = {"app": self._app, "number_from": source, "login_code": self.login_code}
        return read | ({} if self.phone_code is None else {"phone_code": self.phone_code})


def _code(query: str, body: bytes) -> str:
    """Return the code in a request to a platform: in its query, its JSON or its form."""
    found: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if body[:1] == b"{":
        found |= json.loads(body)
    else:
        found |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    return str(found.get("js_code") or found.get("code") or found.get("authCode") or "")


def settings(app: dict[str, Any], base_url: str) -> dict[str, Any]:
    """Return haoma's settings of an app of a case, with the platforms at ``base_url``."""
    beside = SETTINGS[app["platform"]]
    if app.get("flow") == "scope-phone":
        beside = {"oauth_base_url": "", "account_base_url": ""}
    return {**app, **{name: each if each is True else base_url + str(each) for name, each in beside.items()}}


def body_of(case: dict[str, Any]) -> bytes:
    """Return the bytes of a request's body."""
    sent = case["input"]
    return base64.b64decode(sent["body_base64"]) if "body_base64" in sent else sent["body"].encode()
