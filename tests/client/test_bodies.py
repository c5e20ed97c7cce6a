"""What comes in: a login is found under every name and in every place, and two that differ are refused."""

import itertools
import json
from pathlib import Path

import msgspec
import pytest

from haoma import errors
from haoma.authorization import LOGIN_NAMES, PHONE_NAMES, read, with_login
from haoma.client import Client
from haoma.platforms.registry import PLATFORMS
from haoma.problem import problem
from haoma.secret import Secret
from haoma.settings.reader import from_mapping
from haoma.simulator import Simulator
from support.vector_cases import cases

pytest_plugins = ["support.stage_fixtures"]

DOCS = Path(__file__).parents[2] / "docs"
SHOP = next(case for case in cases("alipay") if case.name == "alipay/success-mainland")
B64 = "QUJDREVGR0hJSktMTU5PUA=="
DATA = {"response": B64, "sign": B64, "encryptedData": B64, "iv": B64}
NO_PHONE_CODE = [name for name, platform in PLATFORMS.items() if not platform.phone_code]
SENT = {
    "alipay": ("response", "sign"), "baidu": ("encryptedData", "iv"), "kuaishou": ("encryptedData", "iv"),
    "xiaohongshu": ("encryptedData", "iv"),
}  # fmt: skip


def login_names(platform):
    """The names under which a login of this platform comes."""
    known = PLATFORMS[platform].phone_code
    return [name for name in LOGIN_NAMES if name not in known] + ([] if known else ["code"])


def message(platform):
    """A message of the platform, without a login."""
    if platform in SENT:
        return {name: DATA[name] for name in SENT[platform]}
    return {PLATFORMS[platform].phone_code[0]: "phone-code"}


PLACES = {
    "body": lambda inner, extra: {**inner, **extra},
    "beside": lambda inner, extra: {"authorization": inner, **extra},
    "authorization": lambda inner, extra: {"authorization": {**inner, **extra}},
    "text": lambda inner, extra: {"authorization": json.dumps({**inner, **extra})},
    "detail": lambda inner, extra: {"authorization": {"detail": {**inner, **extra}}},
    "beside-detail": lambda inner, extra: {"authorization": {"detail": inner, **extra}},
    "event": lambda inner, extra: {"type": "getphonenumber", "detail": {**inner, **extra}},
    "skyline": lambda inner, extra: {"detail": {"detail": {**inner, **extra}}},
    "elsewhere": lambda inner, extra: {**inner, "extra": {"deep": [extra]}},
    "in-consent": lambda inner, extra: {"authorization": inner, "consent": {"policy": "1", **extra}},
}


def merged(one, two):
    """Two bodies as one; None where one place cannot hold both."""
    found = dict(one)
    for name, value in two.items():
        if isinstance(value, dict) and isinstance(found.get(name), dict):
            found[name] = merged(found[name], value)
            if found[name] is None:
                return None
        elif found.setdefault(name, value) != value:
            return None
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_login_is_read_under_every_name_in_every_place(platform, place):
    """A login is never dropped in silence, and never left among the platform's fields."""
    for name in [*login_names(platform), "session"]:
        if place in ("elsewhere", "in-consent") and name in ("code", "session"):
            continue  # there these two are anybody's words
        found = read(PLACES[place](message(platform), {name: "the-login"}), PLATFORMS[platform].phone_code)
        given = found.session if name == "session" else found.login_code
        assert given is not None, name
        assert given.reveal() == "the-login"
        assert found.login_name.rpartition(".")[2] == name
        assert "the-login" not in json.dumps({k: v for k, v in found.claimed.items() if k != "extra"})
        for field, value in message(platform).items():
            assert found.claimed[field] == value


@pytest.mark.parametrize("platform", PLATFORMS)
def test_two_logins(platform):
    """Of any two places and names: two different values are refused with both places and no value; the same is fine."""
    names = ["login_code", "jsCode", "session"] + (["code"] if not PLATFORMS[platform].phone_code else [])
    tried = 0
    for (first, one), (second, two) in itertools.combinations(itertools.product(PLACES, names), 2):
        if {"text", "elsewhere", "in-consent"} & {first, second} and {"code", "session"} & {one, two}:
            continue
        body = merged(
            PLACES[first](message(platform), {one: "login-A"}), PLACES[second](message(platform), {two: "login-B"})
        )
        if body is None or (first, one) == (second, two):
            continue
        tried += 1
        with pytest.raises(errors.BadField) as caught:
            read(body, PLATFORMS[platform].phone_code)
        because = caught.value.because
        assert {str(because[fact]).rpartition(".")[2] for fact in ("field", "also")} == {one, two}
        assert because["field"] != because["also"]
        assert because["reason"] == "two different logins"
        assert "login-A" not in str(caught.value) + repr(caught.value)
        assert "login-B" not in str(caught.value) + repr(caught.value)
        same = json.loads(json.dumps(body).replace("login-B", "login-A"))
        found = read(same, PLATFORMS[platform].phone_code)
        given = found.login_code or found.session
        assert given is not None
        assert given.reveal() == "login-A"
        assert found.login_code is None or found.session is None
    assert tried > 200


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_back_ends_login_excludes_any_other(platform):
    """A login code beside the body stands alone: another login or a session in the body is refused, in any place."""
    codes = PLATFORMS[platform].phone_code
    for place, name in itertools.product(PLACES, [*login_names(platform), "session"]):
        if place in ("elsewhere", "in-consent") and name in ("code", "session"):
            continue
        found = read(PLACES[place](message(platform), {name: "the-clients"}), codes)
        with pytest.raises(errors.BadField) as caught:
            with_login(found, "the-back-ends")
        assert {caught.value.because["field"], caught.value.because["also"]} == {"login_code=", found.login_name}
        both = with_login(found, "the-clients")
        assert (both.login_code, both.session) == (Secret("the-clients"), None)
    assert with_login(read(message(platform), codes), "the-back-ends").login_code == Secret("the-back-ends")


@pytest.mark.parametrize("platform", ["wechat", "douyin", "dingtalk", "huawei"])
def test_login_code_and_phone_code_have_two_meanings(platform):
    """`{code, phoneCode}` is a login and a phone code; `phoneCode` alone is the phone code, as is `code`."""
    codes = PLATFORMS[platform].phone_code
    for name in PHONE_NAMES:
        found = read({"code": "of-login", name: "of-phone"}, codes)
        assert found.login_code is not None
        assert (found.login_code.reveal(), found.claimed) == ("of-login", {"code": "of-phone"})
        for alone in ({name: "of-phone"}, {"code": "of-phone"}, {"code": "of-phone", name: "of-phone"}):
            found = read(alone, codes)
            assert (found.login_code, found.claimed) == (None, {"code": "of-phone"})
    for body in (
        {"phone_code": "A", "phoneCode": "B"},
        {"code": "A", "authorization": {"code": "B"}},
        {"code": "A", "detail": {"code": "B"}},
        {"phoneCode": "A", "authorization": {"phone_code": "B"}},
        {"code": "A", "phoneCode": "B", "login_code": "C"},
    ):
        with pytest.raises(errors.BadField) as caught:
            read(body, codes)
        assert {"field", "also"} <= caught.value.because.keys()


def test_a_result_of_alipay_is_no_login():
    """Alipay's own `code` is a number of five digits; a body in clear text stays what it is."""
    for body in (
        {"response": B64, "code": "10000"}, {"code": "40001", "msg": "x"}, {"code": 10000, "response": B64},
        {"code": "0123abcd", "msg": "x"},
    ):  # fmt: skip
        found = read(body, PLATFORMS["alipay"].phone_code)
        assert (found.login_code, found.claimed) == (None, body)


@pytest.mark.parametrize("name", [*LOGIN_NAMES, "code", "Code", "AuthCode"])
def test_a_login_inside_the_string_of_alipay_is_refused(name):
    """The string of my.getPhoneNumber holds none: a login that was put into it is named, not ignored."""
    app = from_mapping({"apps": {"shop": SHOP.app}}).apps["shop"]
    inner = json.loads(SHOP.sent)
    inner = json.loads(inner["response"]) if inner.get("response", "").startswith("{") else inner
    with Client(app) as client, pytest.raises(errors.BadField) as caught:
        client.get_phone_number("shop", {"authorization": {"response": json.dumps({**inner, name: "the-login"})}})
    assert caught.value.because["field"] == f"response.{name}"


@pytest.mark.parametrize(
    "first, second",
    [("encryptedData", "encrypted_data"), ("errMsg", "err_msg"), ("phone_code", "phoneCode"),
     *itertools.combinations(LOGIN_NAMES, 2)],
)  # fmt: skip
def test_both_spellings_in_one_body(first, second):
    """Two spellings of one name with two values are refused; no filter in front looks at another one than we do."""
    for codes in {platform.phone_code for platform in PLATFORMS.values()}:
        if {first, second} & set(codes):
            continue
        for body in ({first: "A", second: "B"}, {"authorization": {first: "A", second: "B"}}):
            with pytest.raises(errors.BadField) as caught:
                read(body, codes)
            named = [str(caught.value.because[fact]) for fact in ("field", "also")]
            assert {name.rpartition(".")[2] for name in named} == {first, second}
        assert read({first: "A", second: "A"}, codes) is not None


def test_what_is_no_object():
    """An authorization and a consent have to be objects; a consent that is one is kept."""
    others: tuple[object, ...] = ([], None, 3, "[]", "undefined")
    for other in others:
        with pytest.raises(errors.HaomaError):
            read({"authorization": other})
    with pytest.raises(errors.BadField):
        read({"code": "x", "consent": "yes"})
    assert read({"authorization": {"code": "x"}, "consent": {"policy": "1"}}).consent == {"policy": "1"}
    assert read({"login_code": "", "session": None, "code": "x"}).login_name == ""
    for platform in PLATFORMS.values():
        for empty in (None, ""):
            names = [*platform.phone_code, *LOGIN_NAMES, *PHONE_NAMES, "session", "code"]
            found = read(dict.fromkeys(names, empty) | {"response": []}, platform.phone_code)
            assert (found.login_code, found.session, found.login_name) == (None, None, "")
            assert not any(found.claimed.values())


def test_a_login_that_cannot_be_one_is_named_as_it_was_sent():
    """The refusal names the field that the front end wrote."""
    for name, value in itertools.product(
        ("login_code", "authCode", "session"), (3, True, [], {}, "two words", "x" * 600)
    ):
        with pytest.raises(errors.BadField) as caught:
            read({"authorization": {"code": "x", name: value}}, ("code",))
        assert caught.value.because["field"] == f"authorization.{name}"


def test_the_missing_sign_has_two_causes():
    """Nothing that the user does helps; the remedy follows from what arrived: the console, or the front end's code."""
    app = from_mapping({"apps": {"shop": SHOP.app}}).apps["shop"]
    ciphertext = json.loads(SHOP.sent)["response"]
    whole = json.dumps({"response": ciphertext})
    seen: dict[tuple[str, str], set[str]] = {}
    for sent, place in (
        ({"authorization": {"response": whole}}, "whole-string"),
        ({"response": whole}, "whole-string"),
        ({"encryptedData": whole}, "whole-string"),
        ({"authorization": {"response": ciphertext}}, "taken-apart"),
        ({"response": ciphertext, "phone": "x"}, "taken-apart"),
        ({"response": ciphertext, "sign": ""}, "taken-apart"),
    ):
        with Client(app) as client, pytest.raises(errors.SignatureMissing) as caught:
            client.get_phone_number("shop", sent)
        error = caught.value
        assert (error.next_action, error.retry, error.place) == (errors.Next.STOP, False, place)
        assert problem(error, anonymous=True)["next"] == "stop"
        for lang in ("zh", "en"):
            seen.setdefault((place, lang), set()).add(problem(error, lang)["remedy"])
    assert {len(remedies) for remedies in seen.values()} == {1}
    assert len(set.union(*seen.values())) == 4
    for lang in ("zh", "en"):
        [console], [front_end] = seen["whole-string", lang], seen["taken-apart", lang]
        assert "接口加签方式" in console
        assert "res.response" not in console
        assert front_end.index("res.response") < front_end.index("接口加签方式")


# --- through the clients ---


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def settings(simulator):
    return from_mapping(simulator.stage.settings(simulator.url))


@pytest.mark.parametrize("name", [*LOGIN_NAMES, "code"])
def test_a_login_sent_with_alipays_envelope_names_the_subject(simulator, settings, name):
    """The login is exchanged, whatever its name; the result says who it was, and what of that is not proven."""
    tap = simulator.tap("alipay", "ok")
    with Client(settings) as client:
        body = {**json.loads(tap.body["authorization"]["response"]), name: tap.login_code}
        phone = client.get_phone_number(tap.app, body)
    assert phone.subject is not None
    assert not phone.proves("login-binding")


@pytest.mark.parametrize("platform", ["baidu", "kuaishou", "xiaohongshu"])
def test_the_tutorial_shape_of_session_key_platforms(simulator, settings, platform):
    """`{code, encryptedData, iv}`: their buttons give no code, so `code` is the login's."""
    tap = simulator.tap(platform, "ok")
    with Client(settings) as client:
        phone = client.get_phone_number(tap.app, {**tap.body["authorization"], "code": tap.body["login_code"]})
        assert phone.e164 == tap.phone_number
        assert phone.proves("login-binding")


def test_the_client_cannot_overrule_the_back_end(simulator, settings):
    """Nothing that a client puts anywhere in the body changes whose login counts, and nothing is asked meanwhile."""
    with Client(settings) as client:
        attacker = simulator.tap("wechat", "ok").login_code
        session = client.log_in("wechat", attacker).handle
        tap = simulator.tap("wechat", "ok")
        code = tap.body["authorization"]["code"]
        before = simulator.calls
        for inner in (
            {"code": code, "login_code": "x"}, {"code": code, "loginCode": "x"}, {"code": code, "js_code": "x"},
            {"detail": {"code": code, "login_code": "x"}}, {"code": code, "session": session},
            {"code": code, "userInfo": {"jsCode": "x"}},
        ):  # fmt: skip
            for extra, options in (({"login_code": tap.login_code}, {}), ({}, {"login_code": tap.login_code})):
                with pytest.raises(errors.BadField):
                    client.get_phone_number("wechat", {"authorization": inner, **extra}, **options)
        with pytest.raises(errors.BadField):
            client.get_phone_number("wechat", {"session": session, "code": code}, login_code=tap.login_code)
        assert simulator.calls == before
        mine = client.get_phone_number("wechat", {"authorization": {"code": code}}, login_code=tap.login_code)
        assert mine.e164 == tap.phone_number


def test_the_order_of_fields_does_not_matter(stage):
    """The honest retry may have its fields in another order: it gets the same answer, not "already used"."""
    tap = stage.tap("wechat", "ok")
    body = {"login_code": tap.login_code, "authorization": {"code": tap.body["authorization"]["code"], "a": 1, "b": 2}}
    first = stage.authorize(tap.app, json.dumps(body))
    turned = {"authorization": dict(reversed(body["authorization"].items())), "login_code": tap.login_code}
    again = stage.authorize(tap.app, json.dumps(turned))
    assert again.repeated
    assert msgspec.structs.replace(again, repeated=False) == first


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
def test_another_login_is_another_request(stage, platform):
    """The same caller with the same phone code and another user's login does not get the first user's answer."""
    one, two = stage.tap(platform, "ok"), stage.tap(platform, "ok")
    code = one.body["authorization"]
    assert stage.authorize(one.app, {"login_code": one.login_code, "authorization": code}).subject
    with pytest.raises(errors.AlreadyUsed):
        stage.authorize(one.app, {"login_code": two.login_code, "authorization": code})
    with pytest.raises(errors.AlreadyUsed):
        stage.authorize(one.app, {"authorization": code})


def test_two_sessions_are_two_requests():
    """Whatever makes a request another one is in its fingerprint, and who sends it."""
    bodies = [
        {"code": "c"},
        {"code": "d"},
        *({"authorization": {"code": "c"}, name: "x"} for name in ("session", "js_code")),
    ]
    bodies.append({"authorization": {"code": "c"}, "session": "y"})
    prints = {read(body, ("code",)).fingerprint(caller) for body in bodies for caller in ("", "me")}
    assert len(prints) == 2 * len(bodies)


def test_what_was_sent_prints_its_names_only():
    """No value of a front end gets into a log."""
    found = read({"authorization": {"code": "the-phone-code", "iv": "the-iv"}, "js_code": "the-login"}, ("code",))
    assert repr(found) == "<Authorization with code, iv>"


@pytest.mark.parametrize("sent", [None, True, 3, 2.5, [], [{}], ()])
def test_json_that_is_no_object(sent):
    """It is refused with its type, whether it comes parsed or as text."""
    with pytest.raises(errors.UnknownShape) as parsed:
        read(sent)
    assert parsed.value.because == {"type": type(sent).__name__}
    with pytest.raises(errors.UnknownShape) as text:
        read(json.dumps(sent))
    assert text.value.because == {"type": type(json.loads(json.dumps(sent))).__name__}


def test_what_is_missing_and_what_is_there():
    """The error names the field that is needed and the first eight that came, in order."""
    found = read({**{f"name_{each}": "x" for each in "ihgfedcba"}, "js_code": "a-login"}, ("code",))
    because = found.missing("code").because
    assert because == {"field": "code", "found": ", ".join(["js_code", *(f"name_{each}" for each in "abcdefg")])}


def test_an_empty_field_is_missing():
    """Of a code that is empty nobody says that it cannot be one."""
    found = read({"code": "", "iv": None, "state": "x" * 4}, ("code",))
    assert [found.text(name, 4, platform="wechat") for name in ("code", "iv", "no", "state")] == [
        None,
        None,
        None,
        "xxxx",
    ]
    for value, facts in (("x" * 5, {"characters": 5, "max": 4}), ("a b", {"characters": 3, "max": 4})):
        with pytest.raises(errors.BadField) as refused:
            read({"code": value}, ("code",)).text("code", 4, platform="wechat")
        assert refused.value.because == {"field": "code", **facts}
        assert refused.value.platform == "wechat"


def test_alipays_envelope_is_known_on_other_platforms(stage):
    """The envelope that gets sent to other platforms' apps is called what it is."""
    for name, app in stage.apps.items():
        if app.platform in ("wechat", "douyin", "baidu", "kuaishou", "xiaohongshu"):
            with pytest.raises(errors.UnknownShape) as refused:
                stage.authorize(name, {"response": B64, "sign": B64})
            assert refused.value.because["looks_like"] == "alipay"
