"""What the two commands print, how they end, and what they never say."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from test_doctor_frontend import write

from haoma import catalogue
from haoma.doctor.captures.capture import kinds
from haoma.doctor.captures.inspect import inspect as look
from haoma.doctor.configuration import offline
from haoma.doctor.configuration.online import NO_CODE, ask_platforms
from haoma.doctor.configuration.secrets import known_values
from haoma.io.clock import now
from haoma.platforms.base.diagnosis import Diagnosis, Severity, masked, our_address
from haoma.platforms.base.mirroring import Answer
from haoma.secret import Secret
from haoma.settings.reader import load
from haoma.simulator.running import Simulator
from support.simulator_toml import some_apps

pytest_plugins = ["support.desk"]

APP_ID = "wx0123456789abcdef"
SECRET = "fedcba9876543210fedcba9876543210"
SHOP = f'[apps.shop]\nplatform = "wechat"\napp_id = "{APP_ID}"\napp_secret = "{SECRET}"\n'


def configured(tmp_path, text, mode=0o600):
    path = tmp_path / "haoma.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture(scope="module")
def settings(config):
    return load(config)


# --- offline ---


def test_a_good_file_is_good(doctor, tmp_path):
    """Nothing to do is exit code 0, and it is said what was looked at."""
    report = doctor("--config", configured(tmp_path, SHOP))
    assert (report.exit_code, report.wrong) == (0, set())
    assert "doctor.settings-read" in report.codes


@pytest.mark.parametrize(
    "more, code",
    [
        ('token = "plain"', "doctor.token-plain"),
        ("accept_encrypted_data = true", "doctor.encrypted-data-on"),
        (
            '[service]\nlisten = "0.0.0.0:8080"\nserver_keys = ["a-server-key-that-is-long-enough"]',
            "doctor.open-to-the-world",
        ),
        (
            f'[apps.two]\nplatform = "wechat"\napp_id = "wx1123456789abcdef"\napp_secret = "{SECRET}"',
            "doctor.secret-shared",
        ),
        ("unknown = 1", "config.unknown-setting"),
        ('[service]\nlisten = "127.0.0.1:8080"\nserver_keys = ["short"]', "config.weak-server-key"),
    ],
)
def test_what_is_unwise_is_found(doctor, tmp_path, more, code):
    """Each setting that works but is unwise, and each fault, is named."""
    report = doctor("--config", configured(tmp_path, SHOP + more))
    assert report.exit_code == 1
    assert code in report.wrong
    assert SECRET not in report.text


def test_session_key_flow_with_the_check_is_not_called_unwise(doctor, tmp_path):
    """Where WeChat confirms each ciphertext the session_key flow is not warned about; one app under two names shares nothing."""
    twice = SHOP.replace("shop", "again")
    report = doctor(
        "--config",
        configured(tmp_path, SHOP + "accept_encrypted_data = true\ncheck_encrypted_message = true\n" + twice),
    )
    assert report.wrong == {"config.duplicate-app-id"}


def test_a_file_that_everybody_reads(doctor, tmp_path):
    """Permissions of the file, and of a file with a secret, are looked at."""
    assert "doctor.readable-by-all" in doctor("--config", configured(tmp_path, SHOP, 0o644)).wrong
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o644)
    path = configured(tmp_path, SHOP.replace(f'"{SECRET}"', '{ file = "secret" }'))
    found = doctor("--config", path).one("doctor.readable-by-all")
    assert (found["where"], found["because"]) == ("apps.shop.app_secret", {"path": "secret"})
    (tmp_path / "secret").chmod(0o600)
    assert doctor("--config", path).exit_code == 0


def test_certificates_and_their_last_day(doctor, config, simulator, tmp_path):
    """Each certificate is shown with its last day; Alipay without a login key, or a merchant's grant, is noted."""
    report = doctor("--config", config)
    until = {each["where"]: each["because"]["until"] for each in report.of("doctor.certificate")}
    assert until == {f"apps.alipay-cert.{name}": "2049-12-31" for name in ("alipay_cert", "app_cert")}
    app = load(config).apps["alipay"]
    assert list(offline.of_the_platform(app)) == []
    text = some_apps(simulator, "alipay-merchant]")
    for setting in ("app_auth_token", "app_private_key"):
        text = re.sub(rf"(?m)^{setting} = .*\n", "", text)
        [merchant] = load(configured(tmp_path, text)).apps.values()
        assert [each.where for each in offline.of_the_platform(merchant)] == [f"apps.alipay-merchant.{setting}"]


def test_all_faults_are_told_and_the_platforms_not_asked(doctor, tmp_path):
    """With faults in the file nobody is asked, and that is said; the front end is read all the same."""
    path = configured(tmp_path, SHOP + "app_idd = 1\naccept_encrypted_data = 7\n")
    folder = write(tmp_path / "program", {"a.js": f"const s = '{SECRET}'; 'POST'"})
    report = doctor("--config", path, "--online", "--front-end", folder)
    assert {"config.unknown-setting", "config.wrong-type", "doctor.not-asked"} <= report.codes
    assert report.one("doctor.secret-in-front-end")["where"] == "apps.shop.app_secret"
    assert SECRET not in report.text


@pytest.mark.parametrize("arguments", [["--config", "absent.toml"], ["--front-end", "absent"], ["--config", "."]])
def test_a_command_that_is_wrong_ends_with_2(run, tmp_path, monkeypatch, arguments):
    """What is not there is the command's fault, not a diagnosis."""
    monkeypatch.chdir(tmp_path)
    configured(tmp_path, SHOP)
    done = run("doctor", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "haoma: error: there is no" in done.stderr


def test_people_get_lines_in_their_language(run, tmp_path):
    """Cause and remedy are printed in Chinese or English, with a count at the end."""
    path = configured(tmp_path, SHOP + 'token = "plain"\n')
    for lang, counts in (("zh", "0 处错误，1 处需要注意，1 项正常"), ("en", "0 fault(s), 1 warning(s), 1 in order")):
        done = run("doctor", "--config", path, "--lang", lang)
        words = catalogue.words("doctor.token-plain", lang)
        assert done.exit_code == 1
        assert all(text in done.stdout for text in (words.title, words.cause, words.remedy))
        assert done.stdout.splitlines()[-1] == counts


# --- online ---


def test_the_platforms_are_asked(doctor, config, simulator):
    """Each app is answered for; what is refused comes with the refusal; no phone code is spent and no plain token made."""
    before = dict(simulator.calls["wechat"])
    report = doctor("--config", config, "--online")
    good = {(each["where"], each["because"]["asked"]) for each in report.of("doctor.platform-answers")}
    assert {
        ("apps.alipay", "login"),
        ("apps.alipay-cert", "login"),
        ("apps.wechat", "token"),
        ("apps.wechat", "login"),
    } <= good
    assert report.one("platform.ip-not-allowed")["because"]["our_address"] == "192.0.2.1"
    assert report.one("platform.secret-frozen")["where"] == "apps.wechat-frozen"
    assert {each["where"] for each in report.of("doctor.permission-unknown")} >= {"apps.wechat", "apps.alipay"}
    after = simulator.calls["wechat"]
    for path in ("/wxa/business/getuserphonenumber", "/cgi-bin/token"):
        assert after.get(path, 0) == before.get(path, 0)


def changed(config, tmp_path, **settings):
    """A haoma.toml with one Alipay app, some of whose settings are others."""
    table = re.search(r"(?ms)^\[apps\.alipay\]\n.*?(?=^\[|\Z)", config.read_text())
    assert table is not None
    text = table[0]
    for name, value in settings.items():
        text = re.sub(rf"(?m)^{name} = .*$", lambda _: f"{name} = {json.dumps(value)}", text)  # noqa: B023
    return configured(tmp_path, "allow_insecure_upstreams = true\n" + text)


def test_what_alipay_says_names_the_key(doctor, config, simulator, tmp_path):
    """A private key that is not the console's, and a public key that is not Alipay's, are told apart."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    another = simulator.stage.mirrors["alipay"].another_key
    private = base64.b64encode(another.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()
    report = doctor("--config", changed(config, tmp_path, app_private_key=private), "--online")
    assert report.one("platform.credentials-rejected")["because"]["platform_code"] == "40002/isv.invalid-signature"
    public = base64.b64encode(
        another.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    report = doctor("--config", changed(config, tmp_path, alipay_public_key=public), "--online")
    assert {"doctor.wrong-public-key", "trust.reply-signature-mismatch"} <= report.wrong
    report = doctor("--config", changed(config, tmp_path, app_id="2021000000000009"), "--online")
    assert report.one("platform.app-mismatch")["where"] == "apps.alipay"


def test_a_platform_that_is_not_there(doctor, config, tmp_path):
    """A gateway that nobody answers at is a fault of its own."""
    report = doctor("--config", changed(config, tmp_path, gateway_url="http://127.0.0.1:9/gateway.do"), "--online")
    assert report.one("outside.connect-failed")["severity"] == "fault"


class Skewed(Simulator):
    """A simulator whose replies are dated; WeChat's first token is killed by somebody else, if that is wanted."""

    def __init__(self, seconds=0.0, war=False):
        super().__init__()
        inner = self.stage.answer

        def answer(call):
            said = inner(call)
            if war and call.path == "/cgi-bin/stable_token" and said is not None:
                self.stage.mirrors["wechat"]._tokens.clear()  # type: ignore[attr-defined]
            date = format_datetime(datetime.now(UTC) - timedelta(seconds=seconds), usegmt=True)
            return said and Answer(said.status, {**said.headers, "date": date}, said.body, said.delay, said.fate)

        self.stage.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("seconds, severity", [(0, None), (60, "warning"), (-600, "fault")])
def test_the_clock_is_compared_with_the_platforms(seconds, severity, tmp_path):
    """The Date of the platforms' replies tells when our clock is wrong, and in which direction."""
    with Skewed(seconds) as simulator:
        text = some_apps(simulator, "wechat]")
        found = [each for each in ask_platforms(load(configured(tmp_path, text))) if each.code == "doctor.clock-skew"]
    assert [each.severity for each in found] == ([severity] if severity else [])
    if found:
        assert abs(found[0].because["seconds"] - seconds) <= 3
        assert found[0].because["ahead"] is (seconds > 0)


def test_a_token_that_dies_at_once_is_a_war(tmp_path):
    """A fresh token that WeChat calls dead has been replaced by somebody else."""
    with Skewed(war=True) as simulator:
        found = list(ask_platforms(load(configured(tmp_path, some_apps(simulator, "wechat]")))))
    (war,) = [each for each in found if each.code == "doctor.token-war"]
    assert (war.severity, war.where) == (Severity.FAULT, "apps.wechat")


def test_the_quota_is_warned_of_before_it_ends(simulator, tmp_path):
    """WeChat is asked what is left of both components; no more than the setting is a warning, and more is no word."""
    text = some_apps(simulator, "wechat]")
    both = [(Severity.WARNING, component, 5000) for component in ("getPhoneNumber", "getRealtimePhoneNumber")]
    for setting, expected in (("5000", both), ("1", [])):
        table = text.replace("[apps.wechat]", f'[apps.wechat]\nquota_warning = "{setting}"')
        found = [each for each in ask_platforms(load(configured(tmp_path, table))) if "quota" in each.code]
        assert [(each.severity, each.because["component"], each.because["total"]) for each in found] == expected


class Counting(Simulator):
    """A simulator that says of the quota what it is told to, by the id of the product."""

    def __init__(self, **said):
        super().__init__()
        inner = self.stage.answer

        def answer(call):
            if call.path != "/wxa/charge/usage/get":
                return inner(call)
            body = said[{"10000077": "quick", "10000086": "realtime"}[call.query["spuId"]]]
            return Answer(500 if body is None else 200, {}, b"?" if body is None else json.dumps(body).encode())

        self.stage.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "quick, realtime, expected",
    [
        ({"errcode": 48001, "errmsg": "no"}, {"errcode": 9701002, "errmsg": "no"}, {
            ("doctor.quota-unknown", "getPhoneNumber", "48001"),
            ("doctor.quota-unknown", "getRealtimePhoneNumber", "9701002"),
        }),
        (None, {"errcode": 0, "all": "5", "effectiveUse": "5"}, {
            ("doctor.quota-unknown", "getPhoneNumber", None), ("doctor.quota-low", "getRealtimePhoneNumber", None),
        }),
        ({"errcode": 0, "all": "0", "effectiveUse": "0"}, {"errcode": 0, "all": "0", "effectiveUse": "0"}, set()),
    ],
)  # fmt: skip
def test_a_quota_that_is_not_told_is_not_silence(quick, realtime, expected, doctor, tmp_path):
    """A refusal, or no answer, is noted for each component; a quota that nobody bought or used is no alarm."""
    with Counting(quick=quick, realtime=realtime) as simulator:
        report = doctor("--online", "--config", configured(tmp_path, some_apps(simulator, "wechat]")))
    found = [each for each in report.found if "quota" in each["code"]]
    said = {(each["code"], each["because"]["component"], each["because"].get("platform_code")) for each in found}
    assert said == expected
    assert {each["severity"] for each in found if each["code"] == "doctor.quota-unknown"} <= {"note"}


def test_whose_quota_is_not_asked_for(simulator, tmp_path):
    """Cloud calls and merchants of a third-party platform: it is said that nobody watches their quota."""
    text = some_apps(simulator, "wechat-cloud]", "wechat-component]")
    found = [each for each in ask_platforms(load(configured(tmp_path, text))) if each.code == "doctor.quota-unknown"]
    assert {each.where: each.because["token"] for each in found} == {
        "apps.wechat-cloud": "cloud", "apps.wechat-component": "component",
    }  # fmt: skip


def test_a_made_up_code_that_says_nothing_about_the_secret(simulator, tmp_path):
    """Where the form of the code may be judged first, a right secret is not claimed, and a wrong one is still told."""
    text = some_apps(simulator, "huawei-scope]", "huawei-scope-secret]")
    found = {each.where: each for each in ask_platforms(load(configured(tmp_path, text))) if each.because.get("asked")}
    right, wrong = found["apps.huawei-scope"], found["apps.huawei-scope-secret"]
    assert (right.code, right.severity) == ("doctor.secret-unchecked", Severity.NOTE)
    assert right.because["platform_code"] == "20152"
    assert (wrong.code, wrong.severity) == ("platform.credentials-rejected", Severity.FAULT)


def test_every_platform_is_asked_or_said_not_to_be(simulator, tmp_path):
    """For every app of every platform of the simulator there is an answer, a refusal, or a note that says why not."""
    settings = load(configured(tmp_path, simulator.settings_toml()))
    found = list(ask_platforms(settings))
    heard = {each.where for each in found if each.code != "doctor.permission-unknown"}
    assert heard >= {f"apps.{name}" for name in settings.apps}
    wrong = {(each.where, each.code) for each in found if each.severity is Severity.FAULT}
    assert all(
        re.search(r"-(ip|frozen|(wrong-)?secret|wrong-key|wrong-app-id|no-grant|errcode-\w+-token)$", where)
        for where, _code in wrong
    ), wrong
    assert all(code.startswith("platform.") for _where, code in wrong)
    unasked = {each.where for each in found if each.because.get("token") == "component"}
    assert "apps.wechat-component" in unasked


def test_the_code_that_is_none():
    """What is sent as a login code says of itself that it is none, and could be no platform's."""
    assert re.fullmatch(r"haoma-doctor-[a-z-]+", NO_CODE)


# --- inspect ---


@pytest.mark.parametrize(
    "sent, kind, codes",
    [
        ({"errMsg": "getPhoneNumber:fail user deny"}, "event", {"envelope.user-declined"}),
        ({"detail": {"errMsg": "getPhoneNumber:fail", "errno": 1400001}}, "event", {"platform.quota-exhausted"}),
        ({"detail": {"errMsg": "getPhoneNumber:fail no permission", "errno": 102}}, "event", {"platform.permission-missing"}),
        ({"type": "error", "detail": {"errorMessage": "用户取消授权"}}, "alipay-event", {"envelope.user-declined"}),
        ({"type": "error", "detail": {"errorMessage": "用户不允许授权"}}, "alipay-event", {"envelope.user-declined"}),
        ({"response": {"code": "40003", "subCode": "isv.invalid-auth-relations"}}, "alipay-clear-text", {"platform.user-not-authorized"}),
        ({"encryptedData": {"code": "40006", "subCode": "isv.insufficient-isv-permissions"}, "errMsg": "getPhoneNumber:ok"}, "alipay-clear-text", {"platform.permission-missing", "doctor.stock-uni-app"}),
        ({"errcode": 40013, "errmsg": "invalid appid"}, "wechat-reply", {"platform.app-mismatch"}),
        ({"errcode": 40029, "errmsg": "invalid code"}, "wechat-reply", {"platform.code-rejected"}),
        ({"errcode": 40001, "errmsg": "invalid credential"}, "wechat-reply", {"platform.token-rejected", "doctor.token-war"}),
        ({"errcode": 40164, "errmsg": "invalid ip 192.0.2.7 ipv6 ::ffff:192.0.2.7, not in whitelist"}, "wechat-reply", {"platform.ip-not-allowed"}),
        ({"error_response": {"code": "40002", "sub_code": "isv.invalid-signature", "msg": "x"}}, "alipay-reply", {"platform.credentials-rejected"}),
        ({"alipay_system_oauth_token_response": {"access_token": "a", "open_id": "b"}}, "alipay-reply", {"trust.reply-unsigned"}),
        ({"code": "undefined"}, "phone-code", {"envelope.missing-field"}),
        ({"code": "x" * 64, "session_key": "AAAAAAAAAAAAAAAAAAAAAA=="}, "phone-code", {"doctor.session-key-in-front-end"}),
        ({"code": "x" * 64, "appSecret": "y"}, "phone-code", {"doctor.secret-in-front-end"}),
        ({"hello": 1}, "unknown", {"doctor.unrecognised"}),
        ("", "unknown", {"envelope.missing-field"}),
        ('{"code": "a", "code": "b"}', "unknown", {"envelope.not-json"}),
        ("java.security.InvalidKeyException: Invalid AES key length: 1218 bytes", "log", {"config.aes-key-is-rsa-key"}),
        ("ValueError: RSA key format is not supported", "log", {"config.key-unreadable"}),
        ("binascii.Error: Invalid base64-encoded string", "log", {"doctor.base64-damaged"}),
        ("ISV权限不足，建议在开发者中心检查", "log", {"platform.permission-missing"}),
    ],
)  # fmt: skip
def test_captures_are_recognised(inspect, sent, kind, codes):
    """Each capture is called what it is, with what is wrong with it, and the exit code is 1."""
    report = inspect(sent)
    assert report.whole["is"] == kind
    assert report.wrong == codes
    assert report.exit_code == 1
    assert kind in kinds()


@pytest.mark.parametrize(
    "sent, kind",
    [
        ({"errcode": 0, "errmsg": "ok"}, "wechat-reply"),
        ({"login_code": "a", "authorization": {"code": "b" * 64}}, "phone-code"),
    ],
)
def test_captures_that_are_in_order(inspect, sent, kind):
    """A good answer or body ends with 0."""
    report = inspect(sent, configured=False)
    assert (report.whole["is"], report.exit_code) == (kind, 0)


@pytest.mark.parametrize(
    "sent",
    [
        {"access_token": "57_tokentokentokentokentokentoken", "expires_in": 7200},
        {"session_key": "AAAAAAAAAAAAAAAAAAAAAA==", "openid": "o123"},
    ],
)
def test_a_good_answer_with_a_secret_in_it(inspect, sent):
    """It is in order, but somebody has pasted it; what it holds is not repeated."""
    report = inspect(sent, configured=False)
    assert (report.whole["is"], report.exit_code) == ("wechat-reply", 1)
    assert "tokentoken" not in report.text
    assert "AAAAAAAA" not in report.text


@pytest.mark.parametrize(
    "how, damage",
    [
        ("each + became a space", lambda text: text.replace("+", " ")),
        ("line breaks inside", lambda text: text[:40] + "\r\n" + text[40:]),
        ("padding lost", lambda text: text.rstrip("=")),
        ("cut off", lambda text: text.rstrip("=")[: len(text.rstrip("=")) // 4 * 4 - 3]),
        ("URL-safe alphabet (- and _)", lambda text: text.replace("+", "-").replace("/", "_")),
        ("percent-encoded", lambda text: text.replace("+", "%2B")),
    ],
)
def test_how_base64_was_mangled(simulator, inspect, how, damage):
    """The damage is named; what haoma repairs is a warning, and the rest a fault."""
    envelope: dict[str, str] = {}
    while not re.search(r"\+.*/.*=$", envelope.get("sign", "")):
        envelope = json.loads(simulator.tap("alipay", "ok").body["authorization"]["response"])
    found = inspect({**envelope, "sign": damage(envelope["sign"])}).one("doctor.base64-damaged")
    assert found["because"]["how"] == how
    assert found["severity"] == ("warning" if found["because"].get("repaired") else "fault")
    assert ("repaired" in found["because"]) is (how in ("each + became a space", "line breaks inside", "padding lost"))


def test_an_envelope_of_another_app(simulator, inspect):
    """The app that it belongs to is found by trying; so is the app whose key is stale."""
    body = simulator.tap("alipay", "other-apps-envelope").body
    assert inspect(body, "--app", "alipay").one("doctor.other-apps-envelope")["because"] == {
        "belongs_to": "alipay-other"
    }
    assert inspect(body).exit_code == 0
    stale = inspect(simulator.tap("alipay", "wrong-aes-key").body, "--app", "alipay")
    assert {"doctor.wrong-aes-key", "trust.cannot-open"} <= stale.wrong
    other = inspect(simulator.tap("alipay", "ok").body, "--app", "wechat")
    assert other.one("doctor.other-platform")["because"] == {"looks_like": "alipay"}


def test_stock_uni_app_is_read_and_called_so(simulator, inspect):
    """The shape of uni-app's own button is recognised, opens, and is warned about."""
    envelope = json.loads(simulator.tap("alipay", "ok").body["authorization"]["response"])
    report = inspect({"encryptedData": envelope["response"], "sign": envelope["sign"], "errMsg": "getPhoneNumber:ok"})
    assert "doctor.envelope-good" in report.codes
    assert report.wrong == {"doctor.stock-uni-app"}


def test_a_phone_reply_of_another_mini_program(simulator, inspect):
    """The watermark of WeChat's reply is compared with the configured apps."""
    phone = {"phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86"}
    ours = simulator.stage.mirrors["wechat"].settings("")["wechat"]["app_id"]
    for app_id, codes in ((ours, set()), ("wx0000000000000000", {"doctor.watermark-app"})):
        report = inspect({"errcode": 0, "phone_info": {**phone, "watermark": {"appid": app_id, "timestamp": 1}}})
        assert report.wrong == codes
        assert "13800138000" not in report.text


def test_a_reply_of_the_gateway_is_verified(simulator, inspect):
    """The raw text of the node is what is verified; one changed space breaks it."""
    mirror = simulator.stage.mirrors["alipay"]
    body = mirror._reply(
        "alipay", "alipay_system_oauth_token_response", {"access_token": "a", "open_id": "b"}
    ).body.decode()
    assert inspect(body).exit_code == 0
    broken = inspect(body.replace('"access_token":', '"access_token": '))
    assert {"trust.reply-signature-mismatch", "doctor.wrong-public-key"} <= broken.wrong


def test_inspect_used_wrongly(run, tmp_path, config):
    """A file that is not there, a broken haoma.toml or an unknown app end with 2."""
    broken = configured(tmp_path, "nothing = 1")
    for arguments in (
        [tmp_path / "absent"],
        ["-", "--config", broken],
        ["-", "--config", config, "--app", "nobody"],
        ["-", "--app", "x"],
    ):
        assert run("inspect", *arguments, sent="{}").exit_code == 2


def test_people_read_what_it_is(run):
    """Without --json the first line says what it is, and the last one counts."""
    done = run("inspect", "-", "--lang", "zh", sent='{"errMsg": "getPhoneNumber:fail user deny"}')
    assert done.stdout.splitlines()[0] == "这是按钮的失败事件。"
    assert "推测" in run("inspect", "-", "--lang", "zh", sent=json.dumps({"code": "0" + "Ab1" * 10 + "x"})).stdout


NAUGHTY = [
    b"\xff\xfe\x00", b"[" * 4000, b"\x00", b"a=b&a=c", b'"{"', b"null", b"[1]", b"-----BEGIN CERTIFICATE-----",
    b"MIIB" + b"A" * 200, b"%7B%7D", b"GET /?code=%FF HTTP/1.1", b'{"errcode": {}}', b'{"x_response": {}}',
    b'{"code": "trust.cannot-open", "step": "x"}', b'{"masked": 1, "checks": 2, "subject": 3}', b"x" * (1024 * 1024 + 1),
    b'{"err_no": 0, "data": {"session_key": 1}}', b'{"err_no": 0, "data": "x"}', b'{"data": [], "iv": 1}', b'{"result": []}',
    b'{"resultCode": 99999999999999999999}', b'{"error": "access_denied"}', b'{"openId": 1, "mobile": {}}', b"A" * 344,
    b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 999 x\n\nHTTP/1.1 200 OK\n\n", b"POST / HTTP/1.1\r\nhost: x\r\n\r\n{}",
    b'{"purePhoneNumber": [], "phoneCountryCode": 1}', b'{"code": "x", "message": 1, "requestid": 2}',
    b'{"encryptedData": 1, "iv": 2}', b'{"encryptedData": "", "iv": []}', b'{"response": "A", "sign": "\\u00e9"}',
]  # fmt: skip


@pytest.mark.parametrize("sent", NAUGHTY, ids=range(len(NAUGHTY)))
def test_anything_at_all_is_survived(config, settings, sent):
    """No bytes make inspect fail otherwise than with a diagnosis."""
    for configured_or_not in (settings, None):
        looked = look(sent, configured_or_not, session_key=Secret("AAAAAAAAAAAAAAAAAAAAAA=="), now=now())
        assert looked.kind in kinds()
        assert looked.found


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "code",
                "response",
                "sign",
                "iv",
                "encryptedData",
                "errcode",
                "detail",
                "login_code",
                "authorization",
                "error_response",
                "phone_info",
                "masked",
                "checks",
                "err_no",
                "errno",
                "error",
                "error_code",
                "result",
                "resultCode",
                "data",
                "message",
                "requestid",
                "openId",
                "unionId",
                "session_key",
                "openid",
                "access_token",
                "phoneCountryCode",
                "purePhoneNumber",
                "mobile",
            ]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=12),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["code", "response", "watermark", "detail"]), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
@hypothesis_settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_any_object_is_survived(settings, sent):
    """Whatever stands in an object of known names, there is a kind and a diagnosis, and both can be said."""
    looked = look(json.dumps(sent).encode(), settings, now=now())
    assert looked.kind in kinds()
    assert looked.found
    assert json.dumps([each.to_dict("zh") for each in looked.found])


# --- what is never said ---


def test_no_secret_and_no_number_is_printed(simulator, config, run, doctor, tmp_path):
    """Every scene's capture, every answer and the whole doctor, for people and as JSON, hold no secret and no number."""
    secrets = {each.compact for each in known_values(config) if each.secret}
    assert len(secrets) > 6
    folder = write(
        tmp_path / "program", {"a.js": "\n".join(f"x = '{each.value}'" for each in known_values(config) if each.secret)}
    )
    output = [doctor("--config", config, "--online", "--front-end", folder).text]
    output.append(run("doctor", "--config", config, "--front-end", folder).stdout)
    sent, settings = [], load(config)
    for platform in simulator.stage.mirrors:
        for scene in simulator.stage.mirrors[platform].scenes:
            tap = simulator.tap(platform, scene.name)
            key = (
                simulator.stage.mirrors["wechat"]._codes[tap.login_code].session_key
                if platform == "wechat" and scene.name.startswith("sealed-")
                else ""
            )
            looked = look(
                json.dumps(tap.body or tap.event).encode(),
                settings,
                session_key=Secret(key) if key else None,
                now=now(),
            )
            output += [json.dumps(each.to_dict(lang)) for each in looked.found for lang in ("zh", "en")]
            output.append(repr(looked))
            sent += [
                tap.login_code,
                tap.phone_number,
                tap.phone_number[3:],
                key,
                code if isinstance(code := (tap.body or {}).get("authorization", {}).get("code"), str) else "",
            ]
    whole = "\n".join(output)
    leaked = [each for each in {*secrets, *sent} if len(each) > 7 and each in whole]
    assert leaked == []
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", whole)


def test_words_of_others_are_masked():
    """What a platform says is kept, but for long runs of characters and numbers; an address is found in it."""
    said = "invalid ip 192.0.2.1 ipv6 ::ffff:192.0.2.1, not in whitelist, token " + "A" * 50 + " 13800138000"
    assert our_address(said) == "192.0.2.1"
    assert masked(said).endswith("token *** ***")
    assert our_address("from 2001:db8::1 it came") == "2001:db8::1"
    assert our_address("no address") == ""


def test_a_diagnosis_as_json():
    """Only what there is goes into the object; values are plain."""
    found = Diagnosis("doctor.token-war", Severity.NOTE, because={"a": {1}, "b": True, "c": 2})
    assert found.to_dict("zh")["because"] == {"a": "{1}", "b": True, "c": 2}
    assert {"file", "line", "guess", "where"}.isdisjoint(found.to_dict("en"))
