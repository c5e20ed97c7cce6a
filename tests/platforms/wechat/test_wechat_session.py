"""What may be asked about a session_key, and about the quota."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from haoma.authorize import log_in
from haoma.errors import HaomaError, RateLimited, SessionUnknown, Spent, TokenRejected, WrongTokenKind
from haoma.platforms.base.contract import Quota
from haoma.platforms.base.session_keys import recall
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.session import check_session, reset_session_key, sign
from haoma.platforms.wechat.usage import usage
from haoma.secret import Secret
from support.wechat import APP_ID, LOGIN, NOW, OPENID, STABLE, TOKEN, Bench, configured, refusal

KEY = "o0q0otL8aEzpcZL/FT9WsQ=="
NEW_KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
CHECK, RESET, USAGE = "/wxa/checksession", "/wxa/resetusersessionkey", "/wxa/charge/usage/get"
APP = configured(accept_encrypted_data=True)
OK = {"errcode": 0, "errmsg": "ok"}


def _bench(**bodies: Any) -> Bench:
    """A process in which a user has logged in."""
    paths = {"check": CHECK, "reset": RESET}
    said = {paths[name]: body for name, body in bodies.items()}
    bench = Bench({STABLE: TOKEN, LOGIN: {"openid": OPENID, "session_key": KEY}, **said})
    bench.run(log_in(APP, {"login_code": "a-login-code"}, now=NOW))
    return bench


def _refused(bench: Bench, flow: Any) -> HaomaError:
    with pytest.raises(HaomaError) as caught:
        bench.run(flow)
    assert KEY not in str(caught.value) + repr(caught.value)
    return caught.value


def test_the_signature_is_made_with_the_text_of_the_key() -> None:
    """HMAC-SHA256 under the base64 text; the first is WeChat's own example, the second what is sent."""
    official = "654571f79995b2ce1e149e53c0a33dc39c0a74090db514261454e8dbe432aa0b"
    assert sign(Secret(KEY), b'{"foo":"bar"}') == official
    bench = _bench(check=OK)
    assert bench.run(check_session(APP, OPENID)) is True
    assert bench.wire.requests[-1].query == (
        ("access_token", TOKEN["access_token"]),
        ("openid", OPENID),
        ("signature", "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"),
        ("sig_method", "hmac_sha256"),
    )


def test_a_key_that_is_not_current() -> None:
    """87009 is an answer; any other code is a refusal."""
    assert _bench(check=refusal(87009)).run(check_session(APP, OPENID)) is False
    error = _refused(_bench(check=refusal(45011)), check_session(APP, OPENID))
    assert isinstance(error, RateLimited)
    assert isinstance(_refused(_bench(check=refusal(40001)), check_session(APP, OPENID)), TokenRejected)


def test_without_a_key_nothing_is_asked() -> None:
    """No login, no key, no call."""
    bench = Bench({})
    for flow in (check_session(APP, OPENID), reset_session_key(APP, OPENID)):
        assert isinstance(_refused(bench, flow), SessionUnknown)
    assert not bench.calls


def test_a_reset_leaves_the_new_key_alone() -> None:
    """The old key may be in the wrong hands: nothing opens under it any more."""
    bench = _bench(reset={**OK, "openid": OPENID, "session_key": NEW_KEY})
    bench.run(reset_session_key(APP, OPENID))
    assert [each.key.reveal() for each in bench.run(recall(APP, OPENID))] == [NEW_KEY]


@pytest.mark.parametrize(
    "body",
    [OK, {**OK, "session_key": "short"}, {**OK, "session_key": 7}, {**OK, "session_key": NEW_KEY, "openid": "o-other"}],
)
def test_a_reset_that_gives_no_key(body: dict[str, Any]) -> None:
    """Then the key that is kept stays."""
    bench = _bench(reset=body)
    error = _refused(bench, reset_session_key(APP, OPENID))
    assert (error.code, error.spent) == ("outside.nonsense-reply", Spent.NO)
    assert [each.key.reveal() for each in bench.run(recall(APP, OPENID))] == [KEY]


def test_too_many_resets() -> None:
    """87008 keeps the key as well."""
    bench = _bench(reset=refusal(87008))
    assert isinstance(_refused(bench, reset_session_key(APP, OPENID)), RateLimited)
    assert len(bench.run(recall(APP, OPENID))) == 1


def test_the_cloud_cannot_ask() -> None:
    """These interfaces take no cloud call; WeChat is not troubled with one."""
    bench = Bench({})
    assert isinstance(_refused(bench, usage(configured(token="cloud"))), WrongTokenKind)
    assert not bench.calls


def _from_mirror(mirror: WeChatMirror, name: str, **more: Any) -> WeChatApp:
    table = Table(name, {**mirror.settings("https://api.weixin.qq.com")[name], **more}, now=NOW)
    app = WECHAT.configure(table)
    assert app is not None
    return app


def test_against_the_mirror() -> None:
    """A login, a check, a reset: what was sealed before does not open any more, and the new key is current."""
    mirror = WeChatMirror(random.Random(1).randbytes)
    bench, app = Bench(mirror), _from_mirror(mirror, "wechat-sealed")
    tap = mirror.tap("sealed-ok", allow=True, now=NOW)
    assert tap.body is not None
    handle, login = bench.run(log_in(app, {"login_code": tap.login_code}, now=NOW))
    openid = login.subject.openid
    assert bench.run(check_session(app, openid)) is True
    bench.run(reset_session_key(app, openid))
    assert bench.run(check_session(app, openid)) is True
    sealed = {"session": handle, "authorization": tap.body["authorization"]}
    assert bench.refused(app, sealed).code == "trust.cannot-open"


# --- quota


def test_what_is_left_of_the_quota() -> None:
    """WeChat's own example: 64-bit counts as text."""
    body = {"errcode": 0, "all": "10", "effectiveAll": "10", "effectiveUse": "4", "total": 0, "detailList": []}
    bench = Bench({STABLE: TOKEN, USAGE: body})
    found = bench.run(usage(configured(quota_warning=5)))
    assert (found, found.left) == (Quota(10, 4, low=False), 6)
    assert bench.run(usage(configured(quota_warning=6))).low
    assert bench.wire.requests[-1].query[1:] == (("spuId", "10000077"), ("offset", "0"), ("limit", "20"))
    bench.run(usage(configured(), realtime=True))
    assert bench.wire.requests[-1].query[1] == ("spuId", "10000086")


@pytest.mark.parametrize("count", [None, "", "-1", "1e3", "many", -1, True, 1.5, ["1"], "1" * 19])
def test_a_count_that_is_none(count: Any) -> None:
    """It is not taken for zero, which would look like the end of the quota."""
    bench = Bench({STABLE: TOKEN, USAGE: {"errcode": 0, "all": "10", "effectiveUse": count}})
    assert _refused(bench, usage(APP)).code == "outside.nonsense-reply"


def test_more_used_than_there_was() -> None:
    """Accounts are settled late: what is left is nothing, not less."""
    assert Quota(10, 12, low=True).left == 0


def test_usage_counts_what_the_mirror_gave() -> None:
    """One number exchanged, one used."""
    mirror = WeChatMirror(random.Random(1).randbytes)
    bench, app = Bench(mirror), _from_mirror(mirror, "wechat", quota_warning="4999")
    bench.find(app, mirror.tap("realtime", allow=True, now=NOW).body)
    assert bench.run(usage(app)) == Quota(5000, 1, low=True)


def test_the_realtime_component_is_read_like_the_other() -> None:
    """Its event has another name; the code is good all the same, and so is the word of a user who declines."""
    mirror = WeChatMirror(random.Random(1).randbytes)
    tap = mirror.tap("realtime", allow=True, now=NOW)
    bench, app = Bench(mirror), _from_mirror(mirror, "wechat")
    assert tap.event["errMsg"] == "getRealtimePhoneNumber:ok"
    assert bench.find(app, json.dumps(tap.event)).e164 == tap.phone_number
    denied = {"errMsg": "getRealtimePhoneNumber:fail user deny"}
    assert bench.refused(app, denied).code == "envelope.user-declined"
    assert app.app_id != APP_ID
