"""Events about users who withdraw: what they say, their limits, and rightly sealed ones with anything inside."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haoma.authorize import take_push
from haoma.errors import CannotOpen
from haoma.platforms.base.contract import Heard
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.push import read_echo
from haoma.secret import Secret
from haoma.steps import Keep, Step, Withdrawn
from haoma.verified import Subject
from support.wechat import NOW, Bench

Pushed = tuple[dict[str, str], bytes]
MIRROR = WeChatMirror(random.Random(1).randbytes)
OWN = MIRROR.own
USER = {"openid": "oUser-of-wechat"}


def app(**more: Any) -> WeChatApp:
    table = Table("shop", {**MIRROR.settings("https://api.weixin.qq.com")["wechat"], **more}, now=NOW)
    found = WECHAT.configure(table)
    assert found is not None, table.faults
    return found


APP = app()


def take(pushed: Pushed, at: WeChatApp = APP, now: float = NOW) -> tuple[Heard, list[Step[Any]]]:
    """Take a push; return what was heard, and the steps."""
    bench = Bench(MIRROR)
    return bench.run(take_push(at, *pushed, now=now)), bench.steps


def event(**fields: str) -> Pushed:
    said = {"Event": "user_authorization_revoke", "OpenID": USER["openid"], "AppID": OWN.app_id, "RevokeInfo": "8"}
    return OWN.event(NOW, {**said, **fields})


def test_the_published_address_check() -> None:
    """WeChat's own example, and no other echo or token."""
    query = {
        "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696", "timestamp": "1714036504", "nonce": "1514711492",
        "echostr": "4375120948345356249",
    }  # fmt: skip
    assert read_echo(query, token=Secret("AAAAA"), now=1714036504 + 300) == "4375120948345356249"
    for changed, token in (({"nonce": "1514711493"}, "AAAAA"), ({}, "AAAAB"), ({"echostr": "a b"}, "AAAAA")):
        with pytest.raises(CannotOpen):
            read_echo({**query, **changed}, token=Secret(token), now=1714036504)
    with pytest.raises(CannotOpen):
        read_echo(query, token=Secret("AAAAA"), now=1714036504 + 301)


def test_the_published_push_of_a_mini_program() -> None:
    """WeChat's own example in JSON, sealed: an event that is none of ours is answered."""
    sealed = app(app_id="wxba5fad812f8e6fb9", push_token="AAAAA", push_aes_key="A" * 43)
    query = {
        "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d", "timestamp": "1714112445", "nonce": "415670741",
        "openid": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY", "encrypt_type": "aes",
        "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
    }  # fmt: skip
    encrypted = (
        "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR"
        "8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km3"
        "2IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
    )
    body = json.dumps({"ToUserName": "gh_97417a04a28d", "Encrypt": encrypted}).encode()
    assert take((query, body), sealed, 1714112445.0) == (Heard("success", "other"), [])


def test_the_published_signature_of_plain_mode() -> None:
    """WeChat's own example of an address in plain mode."""
    table = Table("shop", {"app_id": "wxba5fad812f8e6fb9", "app_secret": "0" * 32, "push_token": "AAAAA"}, now=NOW)
    shop = WECHAT.configure(table)
    assert shop is not None
    query = {
        "signature": "899cf89e464efb63f54ddac96b0a0a235f53aa78", "timestamp": "1714037059", "nonce": "486452656",
    }  # fmt: skip
    body = b'{"ToUserName":"gh_97417a04a28d","CreateTime":1714037059,"MsgType":"event","Event":"debug_demo"}'
    heard, steps = take((query, body), shop, 1714037059.0)
    assert heard == Heard("success", "other")
    assert [type(step) for step in steps] == [Keep]


def test_an_app_without_pushes() -> None:
    """It refuses whatever comes, also what is rightly signed with no token at all."""
    table = Table("shop", {"app_id": OWN.app_id, "app_secret": "0" * 32}, now=NOW)
    shop = WECHAT.configure(table)
    assert shop is not None
    signature = hashlib.sha1(f"1{NOW:.0f}".encode()).hexdigest()  # noqa: S324 - theirs
    unsigned = {"signature": signature, "timestamp": str(int(NOW)), "nonce": "1", "echostr": "1"}
    for pushed, diagnosis in ((event(), "signature"), ((unsigned, b""), "no pushes configured")):
        with pytest.raises(CannotOpen) as refused:
            take(pushed, shop)
        assert (refused.value.step, refused.value.diagnosis) == (1, diagnosis)


def test_the_address_check_of_an_app() -> None:
    """WeChat asks the address itself; its own example."""
    query = {
        "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696", "timestamp": "1714036504", "nonce": "1514711492",
        "echostr": "4375120948345356249",
    }  # fmt: skip
    heard, steps = take((query, b""), app(push_token="AAAAA"), 1714036504.0)
    assert (heard, steps) == (Heard("4375120948345356249", "address-check"), [])


@pytest.mark.parametrize("kind", ["component_verify_ticket", "authorized"])
def test_what_is_for_a_third_party_is_nothing_to_an_app(kind: str) -> None:
    """A ticket or a grant, rightly sealed for the app itself."""
    pushed = OWN.event(NOW, {"InfoType": kind, "AppId": OWN.app_id, "MsgType": "x", "Event": "x"})
    assert take(pushed) == (Heard("success", "other"), [])


def test_a_plain_signature_serves_one_message() -> None:
    """However often that one comes; another one is refused as long as the signature counts."""
    bench = Bench(MIRROR)
    query = {
        "signature": "899cf89e464efb63f54ddac96b0a0a235f53aa78", "timestamp": "1714037059", "nonce": "486452656",
    }  # fmt: skip
    table = Table("shop", {"app_id": "wxba5fad812f8e6fb9", "app_secret": "0" * 32, "push_token": "AAAAA"}, now=NOW)
    shop = WECHAT.configure(table)
    assert shop is not None
    first, second = (b'{"MsgType":"event","Event":"debug_%d"}' % number for number in (1, 2))
    for _ in range(2):
        assert bench.run(take_push(shop, query, first, now=1714037059.0)) == Heard("success", "other")
    with pytest.raises(CannotOpen) as refused:
        bench.run(take_push(shop, query, second, now=1714037059.0))
    assert (refused.value.step, refused.value.diagnosis) == (1, "signature used")
    assert [step.seconds for step in bench.steps if isinstance(step, Keep)] == [600.0] * 3


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("account", [True, False])
def test_what_the_event_says(account: bool, as_json: bool) -> None:
    """Ids, time, policy, and a key that is the same for the same event and for no other."""
    fields = {
        "Event": "user_authorization_cancellation" if account else "user_authorization_revoke",
        "OpenID": "oUser-of-wechat",
        "UnionID": "oUnion-of-wechat",
        "AppID": OWN.app_id,
        "RevokeInfo": "8",
    }
    pushed = OWN.event(NOW, fields, created=NOW - 60, as_json=as_json)
    heard, (step,) = take(pushed, app(on_withdrawn="notify"))
    what = "account" if account else "authorization"
    assert heard == Heard("success", f"{what}-withdrawn")
    assert isinstance(step, Withdrawn)
    who = Subject(openid="oUser-of-wechat", unionid="oUnion-of-wechat")
    assert step == Withdrawn(APP.scope, "wechat", "shop", who, what, "notify", NOW - 60, step.key)
    assert "oUser" not in repr(step)
    assert step.key not in repr(step)
    (same,) = take(OWN.event(NOW + 9, fields, created=NOW - 60), app(on_withdrawn="notify"), NOW + 9)[1]
    assert isinstance(same, Withdrawn)
    assert same.key == step.key
    others = ({"OpenID": "oOther-of-wechat"}, {"RevokeInfo": "8,6"})
    pushes = [OWN.event(NOW, {**fields, **other}, created=NOW - 60) for other in others]
    for other in (*pushes, OWN.event(NOW, fields, created=NOW - 61)):
        (one,) = take(other)[1]
        assert isinstance(one, Withdrawn)
        assert one.key != step.key


@pytest.mark.parametrize(
    "fields, heard",
    [
        ({"RevokeInfo": "6"}, Heard("success", "other-authorization-withdrawn")),
        ({"RevokeInfo": "1,2;20"}, Heard("success", "other-authorization-withdrawn")),
        ({"RevokeInfo": "1,2,3,4,5,6,7,12,13,14,15,16,18,19,20"}, Heard("success", "other-authorization-withdrawn")),
        ({"RevokeInfo": "301"}, Heard("success", "other-authorization-withdrawn", unlisted=("RevokeInfo",))),
        ({"RevokeInfo": "6,301"}, Heard("success", "other-authorization-withdrawn", unlisted=("RevokeInfo",))),
        ({"RevokeInfo": "88"}, Heard("success", "other-authorization-withdrawn", unlisted=("RevokeInfo",))),
        ({"RevokeInfo": ""}, Heard("success", "other-authorization-withdrawn", unlisted=("RevokeInfo",))),
        ({"PluginID": "wx00000000000000bb"}, Heard("success", "plugin-withdrawn")),
        ({"Event": "user_info_modified"}, Heard("success", "profile-changed")),
        ({"Event": "user_enter_tempsession"}, Heard("success", "other")),
    ],
)
def test_what_does_nothing(fields: dict[str, str], heard: Heard) -> None:
    """Other authorizations and events."""
    assert take(event(**fields)) == (heard, [])


@pytest.mark.parametrize(
    "fields", [{"RevokeInfo": "8"}, {"RevokeInfo": "6|8"}, {"PluginID": ""}, {"PluginID": OWN.app_id}], ids=repr
)
def test_what_withdraws_the_number(fields: dict[str, str]) -> None:
    """The number alone, among others, and in an event that names no other plug-in."""
    heard, (step,) = take(event(**fields))
    assert heard.about == "authorization-withdrawn"
    assert isinstance(step, Withdrawn)


def test_an_account_that_is_closed_has_no_list() -> None:
    """What else the event says is not asked."""
    heard, (step,) = take(event(Event="user_authorization_cancellation", RevokeInfo="6"))
    assert heard.about == "account-withdrawn"
    assert isinstance(step, Withdrawn)


@pytest.mark.parametrize(
    "fields, diagnosis",
    [
        ({"AppID": "wx0000000000000000"}, "AppID"),
        ({"AppID": ""}, "AppID"),
        ({"OpenID": ""}, "OpenID"),
        ({"OpenID": "", "UnionID": "oUnion-of-wechat"}, "OpenID"),
        ({"OpenID": "oUser of wechat"}, "OpenID"),
        ({"UnionID": "oUnion>"}, "UnionID"),
        ({"OpenID": "", "Event": "user_info_modified"}, "OpenID"),
    ],
)
def test_what_is_refused(fields: dict[str, str], diagnosis: str) -> None:
    """Of another app, without a user."""
    with pytest.raises(CannotOpen) as caught:
        take(event(**fields))
    assert (caught.value.step, caught.value.diagnosis) == (1, diagnosis)


@pytest.mark.parametrize("away", [3600.0, -3600.0])
def test_when_it_happened(away: float) -> None:
    """Within an hour of its making, the end included."""
    fields = {"Event": "user_authorization_revoke", "OpenID": "oUser-of-wechat", "AppID": OWN.app_id, "RevokeInfo": "8"}
    assert take(OWN.event(NOW, fields, created=NOW + away))[1]
    with pytest.raises(CannotOpen) as caught:
        take(OWN.event(NOW, fields, created=NOW + away + (1 if away > 0 else -1)))
    assert (caught.value.step, caught.value.diagnosis) == (1, "CreateTime")


@pytest.mark.parametrize("name", ["OpenID", "UnionID"])
def test_the_length_of_an_id(name: str) -> None:
    """6 to 64 characters."""
    for size, good in ((5, False), (6, True), (64, True), (65, False)):
        if good:
            assert take(event(**{name: "o" * size}))[1]
        else:
            with pytest.raises(CannotOpen):
                take(event(**{name: "o" * size}))


def test_the_kind_of_a_message_may_have_a_capital() -> None:
    """The page's table says Event, its example event. Nothing else is one."""
    fields = {"Event": "user_authorization_revoke", "OpenID": "oUser-of-wechat", "AppID": OWN.app_id, "RevokeInfo": "8"}
    assert take(OWN.event(NOW, {**fields, "MsgType": "Event"}))[1]
    assert take(OWN.event(NOW, {**fields, "MsgType": "text"})) == (Heard("success", "other"), [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "MsgType",
        "Event",
        "OpenID",
        "UnionID",
        "AppID",
        "CreateTime",
        "RevokeInfo",
        "PluginID",
        "FromUserName",
        "InfoType",
    ]
)
LIKELY = st.sampled_from(
    [
        "event",
        "user_authorization_revoke",
        "user_authorization_cancellation",
        "oUser-of-wechat",
        OWN.app_id,
        int(NOW),
        "8",
    ]
)


@settings(max_examples=100)
@given(st.dictionaries(NAMES, JSON | LIKELY, max_size=9) | JSON)
def test_anything_rightly_sealed(content: object) -> None:
    """Answered, or one refusal; believed only about a user of this app."""
    try:
        _heard, steps = take(OWN.seal(NOW, json.dumps(content), wrap="{}", as_json=True))
    except CannotOpen:
        return
    for step in steps:
        assert isinstance(step, Withdrawn)
        assert isinstance(content, dict)
        assert (content["AppID"], content["OpenID"]) == (OWN.app_id, step.who.openid)
