"""Bodies as people really send them: what inspect says of one is what the service does with it."""

import json
from functools import partial

import pytest

from haoma import errors
from haoma.client import Client
from haoma.doctor.captures.inspect import inspect
from haoma.io.clock import now
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import load

CODE = "a" * 64
LOGIN = "0aBcDeFgHiJkLmNoPqRsTuVwXyZ01234"

pytest_plugins = ["support.desk"]


@pytest.fixture(scope="module")
def everything(simulator, tmp_path_factory):
    return simulator, simulator.write_config(tmp_path_factory.mktemp("all") / "haoma.toml")


@pytest.fixture(scope="module")
def client(everything):
    with Client(load(everything[1])) as running:
        yield running


@pytest.fixture(scope="module")
def looks(everything):
    settings = load(everything[1])  # once: each private key in it costs time to read

    def look(body, *arguments):
        looked = inspect(
            json.dumps(body).encode(), settings, app=dict([arguments]).get("--app", "") if arguments else "", now=now()
        )
        return {"is": looked.kind, "found": [each.to_dict("en") for each in looked.found]}

    return look


def wrong(looked):
    return {each["code"] for each in looked["found"] if each["severity"] in ("fault", "warning")}


@pytest.mark.parametrize("found", ["undefined", "null", "NaN", "[object Object]", "[object Promise]"])
@pytest.mark.parametrize(
    "body",
    [
        {"authorization": "?"}, {"login_code": "?", "authorization": {"code": CODE}}, {"authorization": {"code": "?"}},
        {"session": "?", "code": CODE}, {"code": "?"}, {"login_code": "x", "encryptedData": "?", "iv": "?"}, {"jsCode": " ? ", "code": CODE},
    ],
)  # fmt: skip
def test_what_javascript_writes_for_nothing(everything, client, looks, body, found):
    """`undefined` is a fault of the front end. It is named, nothing is sent, and inspect says the same."""
    simulator, _path = everything
    body = json.loads(json.dumps(body).replace("?", found))
    app = "baidu" if "iv" in body else "wechat"
    before = simulator.calls
    with pytest.raises(errors.MissingField) as caught:
        client.get_phone_number(app, body)
    assert simulator.calls == before
    assert (caught.value.because["found"], caught.value.place) == (found, "placeholder")
    told = [each for each in looks(body, "--app", app)["found"] if each["severity"] == "fault"]
    assert {(each["code"], each["because"]["found"]) for each in told} == {("envelope.missing-field", found)}
    assert "JavaScript" in caught.value.explain("en").cause


def test_an_envelope_of_nothing(client):
    """The same for Alipay's ciphertext and signature, and for a whole body."""
    for body in ({"response": "undefined"}, {"response": "QUJD", "sign": "null"}, "undefined", '"[object Object]"'):
        with pytest.raises(errors.MissingField) as caught:
            client.get_phone_number("alipay", body)
        assert caught.value.place == "placeholder"


def test_the_code_of_the_developer_tools(everything, client, looks):
    """It is not sent to WeChat. The remedy is the app id in the tools."""
    simulator, _path = everything
    body = {"login_code": "the code is a mock one", "authorization": {"code": CODE}}
    before = simulator.calls
    with pytest.raises(errors.MissingField) as caught:
        client.get_phone_number("wechat", body)
    assert simulator.calls == before
    (told,) = looks(body)["found"]
    assert told["remedy"] == caught.value.explain("en").remedy
    assert "AppID" in told["remedy"]


@pytest.mark.parametrize(
    "quoted, code",
    [
        ({"response": {"code": "40003", "msg": "Insufficient Conditions", "subCode": "isv.invalid-auth-relations"}},
         "platform.user-not-authorized"),
        ({"code": "40001", "msg": "Missing", "subCode": "isv.missing-encrypt-key"}, "platform.encryption-not-configured"),
        ({"error": 1, "errorMessage": "not support"}, "envelope.button-failed"),
        ({"error": 11, "errorMessage": "用户取消授权"}, "envelope.user-declined"),
        ({"response": {"code": "10000", "mobile": "13800138000"}}, "trust.clear-text-success"),
    ],
)  # fmt: skip
def test_an_error_inside_an_error_message(client, looks, quoted, code):
    """uni-app's shim quotes Alipay's error. It means what it means by itself, and is a refusal whatever it says."""
    event = {"errMsg": f"getPhoneNumber:fail Error: {json.dumps(quoted)}"}
    for body in (event, {"detail": event}, {"type": "getphonenumber", "detail": event}, {"authorization": event}):
        with pytest.raises(errors.HaomaError) as caught:
            client.get_phone_number("alipay", body)
        assert caught.value.code == code
        for named in ((), ("--app", "alipay")):
            assert wrong(looks(body, *named)) == {code}


def test_an_error_message_that_quotes_nothing(client):
    """Words that only look like JSON, and a quoted error message, stay a failed button."""
    for words in (
        "getPhoneNumber:fail {",
        "getPhoneNumber:fail {}",
        'getPhoneNumber:fail {"errMsg": "x", "code": "1"}',
    ):
        with pytest.raises(errors.ButtonFailed):
            client.get_phone_number("alipay", {"errMsg": words})


def test_the_code_beside_sealed_data(everything, client, looks):
    """Baidu's and Kuaishou's buttons give no code: it is the login, for the service, and for inspect without an app."""
    simulator, _path = everything
    for platform in ("baidu", "kuaishou"):
        tap = simulator.tap(platform, "ok")
        body = {**tap.body["authorization"], "code": tap.body["login_code"]}
        assert client.get_phone_number(tap.app, body).proves("login-binding")
        assert not wrong(looks(body, "--app", platform))
    looked = looks({**body, "code": LOGIN})
    assert (looked["is"], wrong(looked)) == ("sealed", set())


def test_a_login_beside_a_phone_code(everything, client, looks):
    """`{code, phoneCode}` is both, for WeChat and Douyin."""
    simulator, _path = everything
    for platform in ("wechat", "douyin"):
        tap = simulator.tap(platform, "ok")
        body = {"code": tap.login_code, "phoneCode": tap.body["authorization"]["code"]}
        assert not wrong(looks(body, "--app", platform))
        assert client.get_phone_number(tap.app, body).subject


def test_a_login_beside_an_envelope(everything, client, looks):
    """`{response, sign, auth_code}` names the user who was logged in."""
    simulator, _path = everything
    tap = simulator.tap("alipay", "ok")
    body = {**json.loads(tap.event["response"]), "auth_code": tap.login_code}
    assert not wrong(looks(body))
    assert client.get_phone_number(tap.app, body).subject


AROUND = ("data", "params", "e", "res", "event", "mp", "detail", "authorization", "Data", "Detail")


def in_it(name, sent, login):
    return {name: {**sent, "login_code": login}}


def beside_it(name, sent, login):
    return {name: sent, "loginCode": login}


MEANT = {
    "kit": lambda sent, login: {"authorization": sent, "login_code": login},
    **{f"in {name}": partial(in_it, name) for name in AROUND},
    **{f"beside {name}": partial(beside_it, name) for name in AROUND},
    "event in an object": lambda sent, login: {"e": {"type": "tap", "detail": sent}, "js_code": login},
    "mpvue": lambda sent, login: {"mp": {"detail": sent}, "wxCode": login},
    "kit in an object": lambda sent, login: {"params": {"authorization": sent, "login_code": login}},
    "text in an object": lambda sent, login: {"data": {"authorization": json.dumps(sent), "login_code": login}},
    "three objects": lambda sent, login: {"data": {"params": {"res": sent}, "auth": 1}, "login_code": login},
    "capitals": lambda sent, login: {**{name[0].upper() + name[1:]: each for name, each in sent.items()}, "JsCode": login},
    "capitals in an object": lambda sent, login: {
        "Authorization": {name[0].upper() + name[1:]: each for name, each in sent.items()}, "LoginCode": login,
    },
    "beside something else": lambda sent, login: {"data": {"page": 1}, "params": sent, "login_code": login},
    "the same twice": lambda sent, login: {"data": sent, "params": sent, "login_code": login},
}  # fmt: skip
UNCLEAR = {
    "two objects": lambda sent, login: {"data": sent, "params": dict.fromkeys(sent, CODE), "login_code": login},
    "two logins": lambda sent, login: {"data": {**sent, "js_code": login}, "login_code": "another"},
    "two logins, one with a capital": lambda sent, login: {**sent, "JsCode": login, "login_code": "another"},
    "two logins around": lambda sent, login: {"e": {"detail": sent, "auth_token": {"loginCode": "x"}}, "js_code": login},
    "two spellings": lambda sent, login: {**sent, **dict.fromkeys(map(str.capitalize, sent), CODE), "js_code": login},
}  # fmt: skip
WITH_LOGIN = [name for name in PLATFORMS if name not in ("dingtalk", "huawei")]


@pytest.fixture(scope="module")
def taps(everything):
    """What a platform's front end sends, and a login."""

    def sent(platform):
        tap = everything[0].tap(platform, "ok")
        authorization = tap.body["authorization"]
        if platform == "alipay":
            authorization = json.loads(authorization["response"])
        return tap, authorization, tap.login_code

    return sent


@pytest.mark.parametrize("shape", MEANT.values(), ids=MEANT)
@pytest.mark.parametrize("platform", WITH_LOGIN)
def test_what_is_meant_is_read(taps, client, looks, platform, shape):
    """The service gives the number and the user, and inspect calls it good or asks for what only the service knows."""
    tap, sent, login = taps(platform)
    body = shape(sent, login)
    assert not wrong(looks(body, "--app", platform))
    phone = client.get_phone_number(platform, body)
    assert (phone.e164, phone.subject is not None) == (tap.phone_number, True)


@pytest.mark.parametrize("shape", UNCLEAR.values(), ids=UNCLEAR)
@pytest.mark.parametrize("platform", WITH_LOGIN)
def test_what_is_unclear_is_refused(everything, taps, client, looks, platform, shape):
    """Both places are named, nothing is asked, and inspect says the same."""
    _tap, sent, login = taps(platform)
    body, before = shape(sent, login), everything[0].calls
    with pytest.raises(errors.BadField) as caught:
        client.get_phone_number(platform, body)
    assert everything[0].calls == before
    assert caught.value.because["field"] != caught.value.because["also"]
    assert "envelope.bad-field" in wrong(looks(body, "--app", platform))


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
@pytest.mark.parametrize("name", ["data", "e", "res", "detail", "authorization"])
def test_a_code_of_two_meanings(client, looks, platform, name):
    """A code outside and another inside: the login's, or two of the button's. What to rename is said."""
    body = {"code": LOGIN, name: {"code": CODE}}
    with pytest.raises(errors.BadField) as caught:
        client.get_phone_number(platform, body)
    because = caught.value.because
    assert {because["field"], because["also"]} == {"code", f"{name}.code"}
    assert "login_code" in str(because["needed"])
    assert "envelope.bad-field" in wrong(looks(body, "--app", platform))
