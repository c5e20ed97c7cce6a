"""Bodies as people really send them: what inspect says of one is what the service does with it."""

import json

import pytest

from haoma import errors
from haoma.client import Client
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


@pytest.fixture
def looks(run, everything):
    def look(body, *arguments):
        done = run("inspect", "-", "--json", "--config", everything[1], *arguments, sent=json.dumps(body))
        return json.loads(done.stdout)

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
