"""Users who withdraw: what WeChat and Alipay push, over HTTP to the service as users run it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.mirroring import Push
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.simulator import Simulator
from support.serving import Got, Serving

OPENID = "oCANARY-openid-of-a-user-9"
USER = {"openid": OPENID}
ALIPAY_USER = {"openid": "074CANARYopenid9", "user_id": "2088CANARY000001"}
PLAIN = "shop-in-plain"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def wechat(simulator: Simulator) -> WeChatMirror:
    found = simulator.stage.mirrors["wechat"]
    assert isinstance(found, WeChatMirror)
    return found


@pytest.fixture(scope="module")
def alipay(simulator: Simulator) -> AlipayMirror:
    found = simulator.stage.mirrors["alipay"]
    assert isinstance(found, AlipayMirror)
    return found


@pytest.fixture(scope="module")
def service(simulator: Simulator, wechat: WeChatMirror, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    plain = {
        "platform": "wechat",
        "app_id": "wx00000000000000aa",
        "app_secret": "0123456789abcdef" * 2,
        "api_base_url": simulator.url,
        **wechat.own.push_settings(plain=True),
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    toml = simulator.settings_toml() + "\n".join(("", f"[apps.{PLAIN}]", *lines, ""))
    with Serving(tmp_path_factory.mktemp("service"), toml) as serving:
        yield serving


def send(service: Serving, push: Push) -> Got:
    query = f"?{urlencode(push.query)}" if push.query else ""
    return service.ask("POST", push.path + query, push.body)


def heard(service: Serving, push: Push) -> dict[str, Any]:
    """The push is taken; return what the log says of it."""
    got = send(service, push)
    assert (got.status, got.body) == (200, b"success")
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    return service.logged(got)


def refused(service: Serving, push: Push) -> str:
    """The push is refused, as every other one; return the diagnosis of the log."""
    got = send(service, push)
    assert (got.status, got.json["code"]) == (422, "trust.cannot-open")
    assert "diagnosis" not in got.json
    return str(service.logged(got)["diagnosis"])


def pushes_in(service: Serving) -> list[dict[str, Any]]:
    return [line for line in service.log() if "pushed" in line]


def next_push(service: Serving, before: int) -> dict[str, Any]:
    """Return the line of the log that was written since."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if len(found := pushes_in(service)) > before:
            return found[-1]
        time.sleep(0.01)
    raise AssertionError("no line")


def own(pushed: tuple[dict[str, str], bytes], app: str = "wechat") -> Push:
    return Push(app, f"/v1/apps/{app}/callback", *pushed)


def revoked(app_id: str, **more: str) -> dict[str, str]:
    fields = {"Event": "user_authorization_revoke", "OpenID": OPENID, "AppID": app_id, "RevokeInfo": "8", **more}
    return {name: value for name, value in fields.items() if value}


# --- the simulator pushes it


@pytest.mark.parametrize(
    "platform, app, user",
    [
        ("wechat", "wechat", USER),
        ("wechat", "wechat", {**USER, "unionid": "oUnion-of-a-user"}),
        ("wechat", "wechat-merchant", USER),
        ("alipay", "alipay", ALIPAY_USER),
        ("alipay", "alipay-cert", ALIPAY_USER),
        ("alipay", "alipay-merchant", ALIPAY_USER),
    ],
)
def test_a_withdrawal_is_heard(
    service: Serving, simulator: Simulator, platform: str, app: str, user: dict[str, str]
) -> None:
    """Own mini programs, merchants of a third-party platform, both kinds of keys. The log says for which app."""
    before = len(pushes_in(service))
    deliveries = simulator.withdraw(platform, app, user, service=f"http://127.0.0.1:{service.port}")
    assert [(each.status, each.said) for each in deliveries] == [(200, "success")]
    line = next_push(service, before)
    assert (line["app"], line["pushed"], line["acted"]) == (app, "authorization-withdrawn", False)


def test_a_closed_account_is_heard(service: Serving, simulator: Simulator) -> None:
    """WeChat also says when a user has closed the account."""
    before = len(pushes_in(service))
    simulator.withdraw("wechat", "wechat", USER, service=f"http://127.0.0.1:{service.port}", account=True)
    assert next_push(service, before)["pushed"] == "account-withdrawn"


def test_the_simulators_route(service: Serving, simulator: Simulator) -> None:
    """Anybody can let a user of the simulator withdraw; what it does not push it says."""
    from http.client import HTTPConnection

    def ask(platform: str, **body: Any) -> tuple[int, dict[str, Any]]:
        connection = HTTPConnection(simulator.url.removeprefix("http://"))
        sent = json.dumps({"service": f"http://127.0.0.1:{service.port}", **body})
        connection.request("POST", f"/device/{platform}/withdraw", sent, {"Content-Type": "application/json"})
        response = connection.getresponse()
        found = response.status, json.loads(response.read())
        connection.close()
        return found

    status, body = ask("wechat", app="wechat", user=USER)
    assert (status, body["pushes"][0]["status"], body["pushes"][0]["said"]) == (200, 200, "success")
    assert ask("baidu", app="baidu", user=USER)[0] == 404
    assert ask("wechat", app="nobody", user=USER)[0] == 404
    assert ask("nobody", app="wechat", user=USER)[0] == 404
    assert ask("wechat", user=USER)[0] == 400


# --- WeChat: formats and modes


@pytest.mark.parametrize("as_json", [True, False])
def test_both_formats_of_the_console(service: Serving, wechat: WeChatMirror, as_json: bool) -> None:
    """XML and JSON, encrypted."""
    pushed = wechat.own.event(time.time(), revoked(wechat.own.app_id), as_json=as_json)
    assert heard(service, own(pushed))["pushed"] == "authorization-withdrawn"


def test_the_address_check_of_the_console(service: Serving, wechat: WeChatMirror) -> None:
    """A GET with a signed time is answered with its echostr, and nothing else is."""
    query = wechat.own.address(time.time(), echostr="4375120948345356249")
    got = service.ask("GET", f"/v1/apps/wechat/callback?{urlencode(query)}")
    assert (got.status, got.body) == (200, b"4375120948345356249")
    for changed in ({"nonce": "1"}, {"echostr": "<script>"}, {"echostr": ""}, {"timestamp": "1"}):
        bad = service.ask("GET", f"/v1/apps/wechat/callback?{urlencode({**query, **changed})}")
        assert (bad.status, bad.json["code"]) == (422, "trust.cannot-open")
    for app in ("alipay", "wechat-frozen", "nobody"):
        bad = service.ask("GET", f"/v1/apps/{app}/callback?{urlencode(query)}")
        assert (bad.status, bad.json["code"]) == (422, "trust.cannot-open")
    assert service.ask("PUT", "/v1/apps/wechat/callback").status == 405


@pytest.mark.parametrize("as_json", [True, False])
def test_plain_mode(service: Serving, wechat: WeChatMirror, as_json: bool) -> None:
    """Its signature does not cover the message: it serves one message, however often that comes, and no other one."""
    app_id = "wx00000000000000aa"
    pushed = wechat.own.event(time.time(), revoked(app_id), plain=True, as_json=as_json)
    for _ in range(2):
        assert heard(service, own(pushed, PLAIN))["pushed"] == "authorization-withdrawn"
    query, body = pushed
    forged = body.replace(OPENID.encode(), b"oAnother-user")
    assert refused(service, own((query, forged), PLAIN)) == "signature used"
    swapped = {**query, "timestamp": query["nonce"], "nonce": query["timestamp"]}
    assert refused(service, own((swapped, forged), PLAIN)) in ("time", "signature used")
    unsigned = {name: value for name, value in query.items() if name != "signature"}
    assert refused(service, own((unsigned, body), PLAIN)) == "signature"


def test_plain_pushes_do_not_reach_an_app_with_a_key(service: Serving, wechat: WeChatMirror) -> None:
    """Who has seen the address of one push cannot go back to plain mode; nor does the clear half of 兼容模式 count."""
    query, body = wechat.own.event(time.time(), revoked(wechat.own.app_id), plain=True, as_json=True)
    assert refused(service, own((query, body))) == "signature"
    sealed_query, sealed = wechat.own.event(time.time(), revoked(wechat.own.app_id), as_json=True)
    clear = {**json.loads(body), "OpenID": "oAnother-user", **json.loads(sealed)}
    assert heard(service, own((sealed_query, json.dumps(clear).encode())))["pushed"] == "authorization-withdrawn"


def test_a_duplicate_is_answered_like_the_first(service: Serving, wechat: WeChatMirror, alipay: AlipayMirror) -> None:
    """Or the platform would repeat it for ever."""
    for push in (
        own(wechat.own.withdrawal(wechat.own.app_id, USER, time.time())),
        alipay.withdraw("alipay", ALIPAY_USER, account=False, now=time.time())[0],
    ):
        for _ in range(3):
            heard(service, push)


# --- WeChat: what is not believed, and what is not about the number


def test_forged_and_replayed_pushes_of_wechat(service: Serving, wechat: WeChatMirror) -> None:
    """Of another token or key, too old by the query or inside, for another receiver or app, without a user."""
    pusher, now, app_id = wechat.own, time.time(), wechat.own.app_id
    query, body = pusher.event(now, revoked(app_id))
    merchant = wechat.merchants.withdrawal(app_id, USER, now)
    bad = {
        "signature": [({**query, "msg_signature": query["signature"]}, body), merchant],
        "time": [pusher.event(now - 400, revoked(app_id)), pusher.event(now + 400, revoked(app_id))],
        "CreateTime": [
            pusher.event(now, revoked(app_id), created=now - 3700),
            pusher.event(now, revoked(app_id), created=now + 3700),
        ],
        "sealed": [
            pusher.seal(now, "x", receiver="wx0000000000000000"),
            pusher.seal(now, "x", key=bytes(32)),
        ],
        "AppID": [
            pusher.event(now, revoked("wx00000000000000aa")),
            pusher.event(now, revoked("")),
        ],
        "OpenID": [pusher.event(now, {**revoked(app_id), "OpenID": each}) for each in ("", "<x>", "a" * 65)],
        "UnionID": [pusher.event(now, revoked(app_id, UnionID="a b c d e f"))],
        "xml": [pusher.seal(now, "<a>", wrap="{}")],
        "json": [pusher.seal(now, '{"a":1,"a":2}', wrap="{}"), pusher.seal(now, "{", wrap="{}")],
    }
    for diagnosis, pushes in bad.items():
        for pushed in pushes:
            assert refused(service, own(pushed)) == diagnosis


def test_a_merchants_event_reaches_its_own_app_only(service: Serving, wechat: WeChatMirror) -> None:
    """One third-party platform, one token, many merchants: the event names its mini program, and the address too."""
    (push,) = wechat.withdraw("wechat-merchant", USER, account=False, now=time.time())
    assert "wechat-merchant" not in push.path
    assert heard(service, push)["app"] == "wechat-merchant"
    for app in ("wechat-granting", "wechat-component", "wechat"):
        assert refused(service, own((push.query, push.body), app)) in ("AppID", "signature")


@pytest.mark.parametrize(
    "fields, pushed, unlisted",
    [
        ({"RevokeInfo": "6"}, "other-authorization-withdrawn", ""),
        ({"RevokeInfo": "6,13"}, "other-authorization-withdrawn", ""),
        ({"RevokeInfo": "6,8"}, "authorization-withdrawn", ""),
        ({"RevokeInfo": "301"}, "other-authorization-withdrawn", "RevokeInfo"),
        ({"RevokeInfo": ""}, "other-authorization-withdrawn", "RevokeInfo"),
        ({"PluginID": "wx00000000000000bb"}, "plugin-withdrawn", ""),
        ({"Event": "user_info_modified"}, "profile-changed", ""),
        ({"Event": "user_enter_tempsession"}, "other", ""),
    ],
)
def test_only_the_phone_number_concerns_us(
    service: Serving, wechat: WeChatMirror, fields: dict[str, str], pushed: str, unlisted: str
) -> None:
    """Other authorizations and events are answered and change nothing; an undocumented one is reported."""
    event = {**revoked(wechat.own.app_id), **fields}
    line = heard(service, own(wechat.own.event(time.time(), event)))
    assert (line["pushed"], line["acted"], line.get("unlisted", "")) == (pushed, False, unlisted)
    if unlisted:
        assert b'haoma_unlisted_members_total{app="wechat"' in service.ask("GET", "/metrics").body


# --- Alipay


def content(alipay: AlipayMirror, app: str = "alipay", **more: object) -> dict[str, object]:
    app_id = alipay.settings("")[app]["app_id"]
    return {"cancel_time": int(time.time() * 1000), "user_id": ALIPAY_USER["user_id"], "app_id": app_id, **more}


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("signs_type", [True, False])
def test_every_spelling_of_alipays_message(
    service: Serving, alipay: AlipayMirror, sealed: bool, signs_type: bool
) -> None:
    """In clear and encrypted; ``sign_type`` signed or not, as SDKs disagree."""
    push = alipay.message("alipay", content(alipay), time.time(), sealed=sealed, signs_type=signs_type)
    assert heard(service, push)["pushed"] == "authorization-withdrawn"


def test_forged_and_replayed_messages_of_alipay(service: Serving, alipay: AlipayMirror) -> None:
    """Of another key, changed, too old, for another app, without a user, and with fields that nobody documents."""
    now, good = time.time(), content(alipay)

    def message(said: object = good, at: float = now, app: str = "alipay", **more: Any) -> Push:
        return alipay.message(app, said, at, **more)

    def changed(name: str, value: str) -> Push:
        form = dict(parse_qsl(message().body.decode()))
        return Push("alipay", "/v1/apps/alipay/callback", {}, urlencode({**form, name: value}).encode())

    def raw(body: bytes) -> Push:
        return Push("alipay", "/v1/apps/alipay/callback", {}, body)

    signed = message().body
    bad: dict[str, list[Push]] = {
        "signature": [
            message(key=alipay.another_key),
            changed("biz_content", json.dumps({**good, "user_id": "2088000000000009"})),
            changed("notify_id", "another"),
            changed("app_id", "2021000000000003"),
            raw(signed + b"&extra=1"),
        ],
        "sign": [changed("sign", "AAA"), raw(b"a=b"), raw(b"sign=%FF")],
        "form": [raw(b""), raw(b"{}"), raw(signed + b"&sign=x"), raw(signed + b"&a="), raw(signed + b"&a=%zz"),
                 raw(b"&".join(b"a%d=b" % each for each in range(30))), raw(b"\xff=1")],
        "fields": [message(extra="1"), message(auth_app_id="1")],
        "time": [message(at=now - 26 * 3600 - 60), message(at=now + 360)],
        "app_id": [
            message(content(alipay, "alipay-other"), app="alipay-other"),
            message({**good, "app_id": "2021000000000003"}),
            message({**good, "auth_app_id": "2021000000000003"}),
        ],
        "no user": [message({**good, "user_id": ""}), message({**good, "user_id": "", "union_id": "u-123456"})],
        "user_id": [message({**good, "user_id": 2088}), message({**good, "user_id": "<x>"})],
        "cancel_time": [
            message({**good, "cancel_time": 1}),
            message({**good, "cancel_time": int((now + 3600) * 1000)}),
        ],
        "biz_content": [message("{"), message('{"user_id":"a","user_id":"b"}'), message("[]")],
        "sealed": [message("[]", sealed=True)],
        "charset": [message(charset="UTF 8")],
        "version": [message(version="2.0")],
        "utc_timestamp": [message(utc_timestamp="1")],
    }  # fmt: skip
    for diagnosis, pushes in bad.items():
        for number, push in enumerate(pushes):
            found = refused(service, Push("alipay", "/v1/apps/alipay/callback", {}, push.body))
            assert found.partition(";")[0] == diagnosis, (diagnosis, number)


def test_no_other_notification_passes_for_one(service: Serving, alipay: AlipayMirror) -> None:
    """Alipay signs what a buyer has written, and ``&`` is not escaped in the signed text.

    The text of this notification of a payment is also the text of a message about a user, if fields are cut elsewhere.
    """
    from haoma.crypto.forging import forge_signature

    now, app_id = time.time(), alipay.settings("")["alipay"]["app_id"]
    victim = json.dumps({"user_id": "2088000000000009"})
    title = f"x&biz_content={victim}&charset=UTF-8&msg_method=alipay.open.auth.userauth.cancelled&notify_id=1"
    tail = f"&utc_timestamp={int(now * 1000)}&version=1.1"
    text = f"app_id={app_id}&attach={title}&subject=y{tail}"
    cut = {
        "app_id": app_id,
        "attach": "x",
        "biz_content": victim,
        "charset": "UTF-8",
        "msg_method": "alipay.open.auth.userauth.cancelled",
        "notify_id": "1&subject=y",
        "utc_timestamp": str(int(now * 1000)),
        "version": "1.1",
    }
    assert "&".join(f"{name}={value}" for name, value in cut.items()) == text
    whole = {**cut, "sign_type": "RSA2", "sign": forge_signature(alipay.alipay_key, text)}
    push = Push("alipay", "/v1/apps/alipay/callback", {}, urlencode(whole).encode())
    assert refused(service, push) == "fields"


def test_other_messages_of_alipay_are_answered(service: Serving, alipay: AlipayMirror) -> None:
    """The gateway is the address of every message that the application has subscribed to."""
    push = alipay.message("alipay", {"a": 1}, time.time(), msg_method="alipay.trade.changed")
    assert heard(service, push)["pushed"] == "other"


# --- the log


def test_the_log_holds_nothing_of_a_user(service: Serving) -> None:
    """Neither ids of users nor signatures, tokens and notify ids: the canaries of this module are not in it."""
    written = service.written()
    assert '"pushed"' in written
    assert "CANARY" not in written
    for name in ("notify_id", "msg_signature", "4375120948345356249"):
        assert name not in written
