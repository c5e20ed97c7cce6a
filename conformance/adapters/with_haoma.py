"""Tests haoma: one case per line on stdin, one answer per line on stdout."""

from __future__ import annotations

import base64
import json
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from upstreams import TOKENS, USERS_TOKEN, Platforms, body_of, settings

from haoma.authorize import authorize, verify_offline, verify_with_session_key
from haoma.errors import HaomaError
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.platforms.wechat.push import read_push
from haoma.secret import Secret
from haoma.steps import Reply, Send

if TYPE_CHECKING:
    from haoma.io.http import Http
    from haoma.platforms.base.contract import App

# None of these is sent anywhere, and none affects the result.
SECRET = "0123456789abcdef0123456789abcdef"
THROW_AWAY = Path(__file__).parents[1] / "throw-away.pem"
SENT = {"huawei": {"code": "code-of-the-case"}, "dingtalk": {"authCode": "code-of-the-case"}}
JSON = {"content-type": "application/json"}
ASKED_FIRST = {
    **{name: TOKENS[name] for name in ("stable_token", "stable_client_token", "userAccessToken")},
    "token": USERS_TOKEN,  # Huawei's, in its flow scope-phone
}
FACTS = ("field", "also", "needed")


class Given:
    """Returns a token to requests for one, and the reply of the case to any other request."""

    def __init__(self, reply: str, headers: dict[str, str]) -> None:
        self._reply = reply
        self._headers = headers

    def send(self, step: Send) -> Reply:
        """Replace the network."""
        place = step.request.url.rstrip("/").rsplit("/", 1)[1]
        if place in ASKED_FIRST:
            return Reply(200, JSON, json.dumps(ASKED_FIRST[place]).encode())
        return Reply(200, self._headers, self._reply.encode("utf-8", "surrogatepass"))


class Behind:
    """The platforms of a request."""

    def __init__(self, platforms: Platforms) -> None:
        self._platforms = platforms

    def send(self, step: Send) -> Reply:
        """Replace the network."""
        asked = step.request
        status, body = self._platforms.answer(f"{asked.url}?{urlencode(asked.query)}", asked.body)
        return Reply(status, JSON, body)


def judge(case: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a case."""
    if case["way"] == "request":
        return _request(case)
    try:
        return {"ticket": _ticket(case)} if case["way"] == "push" else {"phone_number": _number(case)}
    except HaomaError as error:
        return {"refused": error.code}


def _request(case: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request, of which the library sees the body: the rest is for a web framework to read."""
    name, now = case["input"]["app"], float(case["now"])
    if case["input"]["query"] and case["input"]["body"]:
        return {"unsupported": True}  # half of it is where the library is not shown anything
    app = _kept(name, json.dumps(settings(case["keys"]["apps"][name], "https://platform.test")), case["now"])
    platforms = Platforms(case)
    world = World(cast("Http", Behind(platforms)), Memory())
    try:
        phone = run(authorize(app, body_of(case), now=now), world)
    except HaomaError as error:
        facts = {fact: error.because[fact] for fact in FACTS if fact in error.because}
        return {"refused": error.code, **({"facts": facts} if facts else {})}
    return {"phone_number": phone.e164, "reading": {**platforms.reading(), "app": phone.app}}


def _number(case: dict[str, Any]) -> str:
    app, sent, now = _app(case), case["input"], float(case["now"])
    if case["way"] == "envelope":
        return verify_offline(app, sent).e164
    if case["way"] == "session-key":
        return verify_with_session_key(app, sent, case["keys"]["session_key"], now=now).e164
    headers = {"content-type": "application/json"}
    if case["way"] == "secured-reply":
        headers, sent = sent["headers"], sent["body"]
    world = World(cast("Http", Given(sent, headers)), Memory())
    flow = authorize(app, SENT.get(case["platform"], {"code": "code-of-the-case"}), now=now)
    return run(flow, world).e164


def _ticket(case: dict[str, Any]) -> str:
    keys, sent = case["keys"], case["input"]
    key = base64.b64decode(keys["encoding_aes_key"] + "=")
    found = read_push(
        sent["query"],
        sent["body"].encode(),
        token=Secret(keys["token"]),
        keys=(key,),
        receiver=keys["app_id"],
        now=float(case["now"]),
    )
    return found["ComponentVerifyTicket"]


def _app(case: dict[str, Any]) -> App:
    platform, keys = case["platform"], case["keys"]
    beside = ("session_key", "app_private_keys", "url", "api_certificates")
    values = {name: value for name, value in keys.items() if name not in beside}
    if "api_certificates" in keys:
        values["api_certificate"] = keys["api_certificates"]
        values["api_private_key"] = THROW_AWAY.read_text("ascii")
    if "app_private_keys" in keys:
        values["app_private_key"] = keys["app_private_keys"]
    if platform in ("huawei", "dingtalk"):
        values["client_secret"] = SECRET
    elif platform != "alipay":
        values["app_secret"] = SECRET
    if platform in ("wechat", "douyin") and case["way"] == "session-key":
        values["accept_encrypted_data"] = True
    return _configured("judged", {"platform": platform, **values}, case["now"])


@cache
def _kept(name: str, values: str, now: int) -> App:
    """Return the app of a request. Most cases of a platform have the same, and to check an RSA key takes its time."""
    return _configured(name, json.loads(values), now)


def _configured(name: str, values: dict[str, Any], now: int) -> App:
    table = Table(name, values, now=now)
    app: App | None = PLATFORMS[values["platform"]].configure(table)
    if app is None or table.faults:
        raise RuntimeError(f"{name}: {table.faults}")
    return app


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
