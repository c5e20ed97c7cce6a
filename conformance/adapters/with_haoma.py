"""haoma, judged: a case a line on stdin, an answer a line on stdout."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, cast

from haoma.authorize import authorize, open_envelope, open_sealed
from haoma.contract import App, Table
from haoma.errors import HaomaError
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms import PLATFORMS
from haoma.steps import Reply, Send

if TYPE_CHECKING:
    from haoma.io.http import Http

# Nothing here is sent anywhere, and nothing of it decides.
SECRET = "0123456789abcdef0123456789abcdef"
SENT = {"huawei": {"code": "code-of-the-case"}, "dingtalk": {"authCode": "code-of-the-case"}}
TOKENS = {
    "stable_token": {"access_token": "token", "expires_in": 7200},
    "stable_client_token": {
        "data": {"access_token": "token", "expires_in": 7200, "error_code": 0},
        "message": "success",
    },
    "userAccessToken": {"accessToken": "token", "expireIn": 7200},
}


class Given:
    """Gives the reply of the case to whoever asks; before that, a token."""

    def __init__(self, reply: str) -> None:
        self._reply = reply

    def send(self, step: Send) -> Reply:
        """Take the place of the network."""
        token = TOKENS.get(step.request.url.rstrip("/").rsplit("/", 1)[1])
        body = self._reply if token is None else json.dumps(token)
        return Reply(200, {"content-type": "application/json"}, body.encode("utf-8", "surrogatepass"))


def judge(case: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a case."""
    try:
        return {"phone_number": _number(case)}
    except HaomaError as error:
        return {"refused": error.code}


def _number(case: dict[str, Any]) -> str:
    app, sent, now = _app(case), case["input"], float(case["now"])
    if case["way"] == "envelope":
        return open_envelope(app, sent).phone_number
    if case["way"] == "session-key":
        return open_sealed(app, sent, case["keys"]["session_key"], now=now).phone_number
    world = World(cast("Http", Given(sent)), Memory())
    flow = authorize(app, SENT.get(case["platform"], {"code": "code-of-the-case"}), now=now)
    return run(flow, world).phone_number


def _app(case: dict[str, Any]) -> App:
    platform, keys = case["platform"], case["keys"]
    settings = {name: value for name, value in keys.items() if name not in ("session_key", "app_private_keys")}
    if "app_private_keys" in keys:
        settings["app_private_key"] = keys["app_private_keys"]
    if platform in ("huawei", "dingtalk"):
        settings["client_secret"] = SECRET
    elif platform != "alipay":
        settings["app_secret"] = SECRET
    if platform in ("wechat", "douyin") and case["way"] == "session-key":
        settings["old_way"] = True
    table = Table("judged", {"platform": platform, **settings}, now=case["now"])
    app: App | None = PLATFORMS[platform].configure(table)
    if app is None or table.faults:
        raise RuntimeError(f"{case['name']}: {table.faults}")
    return app


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
