"""Each pain of docs/doctor.md: the situation is built, with the simulator or in files, and its diagnosis comes out.

The table of the page is checked against `PAINS`, so that none is there without a test.
"""

import ast
import base64
import http.client
import json
import re
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from test_doctor_frontend import CASES, GOOD_BUTTON, write

from haoma import Client, catalogue
from haoma.doctor.configuration.offline import packages
from haoma.errors import HaomaError
from haoma.problem import problem
from haoma.words import LANGUAGES
from support.simulator_toml import some_apps

pytest_plugins = ["support.desk"]

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "doctor.md", ROOT / "docs" / "doctor.zh-CN.md"]

pytestmark = pytest.mark.filterwarnings("ignore::haoma.HaomaWarning")  # the simulator's upstreams are plain http

PAINS = {
    1: {"doctor.login-in-callback", "doctor.session-key-stale"},
    2: {"doctor.garbage-decrypted", "doctor.watermark-app", "doctor.watermark-old", "doctor.wrong-private-key"},
    3: {"doctor.alipay-sdk-broken", "doctor.alipay-packages-clash"},
    4: {"doctor.wrong-public-key", "doctor.signature-sha1", "doctor.signed-without-quotes", "trust.signature-missing"},
    5: {"config.app-public-key-used", "doctor.app-public-key", "doctor.key-recognised"},
    6: {
        "platform.permission-missing", "platform.encryption-not-configured", "platform.user-not-authorized",
        "doctor.error-inside", "doctor.sign-lost",
    },
    7: {"doctor.login-code-as-phone-code", "platform.code-rejected"},
    8: {"doctor.token-war", "doctor.token-plain"},
    9: {"doctor.retry-storm"},
    10: {"platform.ip-not-allowed", "platform.secret-frozen", "platform.credentials-rejected"},
    11: {"doctor.account-duplicate"},
    13: {
        "doctor.event-never-fires", "doctor.dynamic-open-type", "doctor.open-type-unmapped", "doctor.taro-open-type",
        "doctor.button-of-a-kit",
    },
}  # fmt: skip


def saw(number, report, *codes):
    """The report has these diagnoses, of which one at least is of the pain."""
    assert set(codes) <= report.codes, report.found
    assert report.exit_code == 1
    assert set(codes) & PAINS[number]


@pytest.fixture(scope="module")
def answer(config):
    """What the service's problem object is, for an authorization."""
    with Client.from_file(config) as client:

        def ask(tap):
            with pytest.raises(HaomaError) as caught:
                client.get_phone_number(tap.app, tap.body)
            return problem(caught.value)

        yield ask


def session_key_of(simulator, tap):
    return simulator.stage.mirrors["wechat"]._codes[tap.login_code].session_key


def test_1_first_time_fails_second_works(simulator, answer, inspect, doctor, small, tmp_path):
    """A stale session_key is named from the capture and from haoma's refusal, its source from the mini program."""
    tap = simulator.tap("wechat", "sealed-stale-session-key")
    saw(
        1,
        inspect(tap.body, "--app", tap.app, "--session-key", session_key_of(simulator, tap)),
        "doctor.session-key-stale",
    )
    saw(1, inspect(answer(tap)), "doctor.session-key-stale", "trust.cannot-open")
    page = "Page({ async onPhone(e) { await wx.login(); wx.request({ method: 'POST', data: { iv: e.detail.iv } }) } })"
    files = {"p.wxml": GOOD_BUTTON, "p.js": page}
    saw(1, doctor("--config", small, "--front-end", write(tmp_path / "program", files)), "doctor.login-in-callback")


@pytest.mark.parametrize(
    "scene, code, step",
    [
        ("sealed-stale-session-key", "doctor.session-key-stale", None),
        ("sealed-foreign-watermark", "doctor.watermark-app", "watermark-app"),
        ("sealed-old-watermark", "doctor.watermark-old", "watermark-age"),
    ],
)
def test_2_garbage_says_which_step_failed(simulator, inspect, scene, code, step):
    """At the desk the step is named at which an opening failed."""
    tap = simulator.tap("wechat", scene)
    report = inspect(tap.body, "--app", tap.app, "--session-key", session_key_of(simulator, tap))
    assert code in report.codes
    assert report.one(code)["because"]["failed_at"] in ([step] if step else ["padding", "text"])


def test_2_a_session_key_that_is_none_is_told_apart(simulator, inspect):
    """A session_key of the wrong length is not called stale."""
    tap = simulator.tap("wechat", "sealed-ok")
    report = inspect(tap.body, "--app", tap.app, "--session-key", "AAAA")
    assert report.one("trust.cannot-open")["because"]["failed_at"] == "session-key"


@pytest.mark.parametrize(
    "words",
    [
        "javax.crypto.BadPaddingException: pad block corrupted",
        "com.google.gson.JsonSyntaxException: Expected BEGIN_OBJECT but was STRING",
        r"invalid character '\x1a' looking for beginning of value",
        "The given payload is invalid.",
        "ValueError: Padding is incorrect.",
    ],
)
def test_2_the_messages_of_others_are_known(inspect, words):
    """What other libraries say instead is recognised in a log."""
    saw(2, inspect(f"2026-01-01 ERROR\n{words}\n  at x"), "doctor.garbage-decrypted")


def test_2_a_number_under_another_key(simulator, inspect, tmp_path, monkeypatch):
    """Douyin encrypts under the console's public key; what it answered, and haoma's refusal, both tell of the pair."""
    path = tmp_path / "douyin.toml"
    path.write_text(some_apps(simulator, "douyin-key]"))
    answered, inner = [], simulator.stage.answer

    def answer(call):
        said = inner(call)
        answered.append(said.body.decode() if said else "")
        return said

    monkeypatch.setattr(simulator.stage, "answer", answer)
    tap = simulator.tap("douyin", "wrong-private-key")
    with Client.from_file(path) as client, pytest.raises(HaomaError) as caught:
        client.get_phone_number(tap.app, tap.body)
    saw(2, inspect(problem(caught.value)), "doctor.wrong-private-key", "trust.cannot-open")
    report = inspect(answered[-1], "--config", path, configured=False)
    saw(2, report, "doctor.wrong-private-key")
    assert report.one("doctor.wrong-private-key")["where"] == "apps.douyin-key.app_private_key"


def test_3_alipay_in_python(inspect, tmp_path):
    """The official SDK's TypeError is known, and that two packages overwrite each other is seen on disk."""
    saw(3, inspect("TypeError: Object type <class 'str'> cannot be passed to C code"), "doctor.alipay-sdk-broken")
    for name in ("alipay_sdk_python-3.7.0", "python_alipay_sdk-3.4.0"):
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        distribution, _, version = name.partition("-")
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution.replace('_', '-')}\nVersion: {version}\n"
        )
    assert [each.code for each in packages([str(tmp_path)])] == ["doctor.alipay-packages-clash"]
    folder.joinpath("METADATA").unlink()
    folder.rmdir()
    assert [each.code for each in packages([str(tmp_path)])] == ["doctor.alipay-sdk-broken"]


def test_4_which_rule_of_the_signature_failed(simulator, inspect):
    """Key, hash, quotes and absence are told apart."""
    saw(4, inspect(simulator.tap("alipay", "signed-by-another-key").body, "--app", "alipay"), "doctor.wrong-public-key")
    saw(4, inspect(simulator.tap("alipay", "no-sign").body["authorization"]["response"]), "trust.signature-missing")
    mirror = simulator.stage.mirrors["alipay"]
    envelope = json.loads(mirror.envelope("ok"))
    for code, sign in (
        ("doctor.signature-sha1", forged(mirror.alipay_key, f'"{envelope["response"]}"', "SHA1")),
        ("doctor.signed-without-quotes", forged(mirror.alipay_key, envelope["response"], "SHA256")),
    ):
        saw(4, inspect({**envelope, "sign": sign}, "--app", "alipay"), code)
    tampered = inspect(simulator.tap("alipay", "tampered").body, "--app", "alipay")
    assert "trust.signature-mismatch" in tampered.wrong
    assert "doctor.wrong-public-key" not in tampered.codes


def forged(key, text, name):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), getattr(hashes, name)())).decode()


def test_5_which_key_is_this(simulator, inspect, doctor, tmp_path):
    """The app's own public key is named, in the configuration and by itself; other keys are told apart."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    mirror = simulator.stage.mirrors["alipay"]

    def spki(key):
        return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    saw(5, inspect(spki(mirror.app_key)), "doctor.app-public-key")
    of_alipay = inspect(spki(mirror.alipay_key))
    assert of_alipay.exit_code == 0
    assert of_alipay.one("doctor.key-recognised")["because"]["of"].startswith("alipay")
    table = {**mirror.settings("https://platform.test")["alipay"], "alipay_public_key": spki(mirror.app_key)}
    config = tmp_path / "haoma.toml"
    config.write_text("[apps.shop]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in table.items()))
    report = doctor("--config", config)
    saw(5, report, "config.app-public-key-used")
    assert report.one("config.app-public-key-used")["line"] == 4
    kinds = {
        inspect(text).one("doctor.key-recognised")["because"]["kind"]
        for text in (table["app_private_key"], table["aes_key"], mirror._certificates.alipay_file)
    }
    assert kinds == {"private key", "AES key", "certificate"}


@pytest.mark.parametrize(
    "scene, code",
    [
        ("40001-missing-encrypt-key", "platform.encryption-not-configured"),
        ("40003", "platform.user-not-authorized"),
        ("40006", "platform.permission-missing"),
    ],
)
def test_6_what_the_console_lacks(simulator, inspect, scene, code):
    """What Alipay says inside or instead of the envelope is read; without keys its length gives it away."""
    body = simulator.tap("alipay", scene).body
    report = inspect(body, "--app", "alipay")
    saw(6, report, code)
    if "response" in body["authorization"]["response"] and "{" not in body["authorization"]["response"][12:14]:
        saw(6, inspect(body, configured=False), "doctor.error-inside")


def test_6_the_sign_that_the_front_end_lost(simulator, inspect):
    """Only the ciphertext was sent on."""
    envelope = json.loads(simulator.tap("alipay", "ok").body["authorization"]["response"])
    saw(6, inspect({"authorization": {"response": envelope["response"]}, "login_code": "x"}), "doctor.sign-lost")


def test_7_the_wrong_code(simulator, answer, inspect):
    """A login code in the place of the phone code is guessed by its shape, and known if it is the login's."""
    tap = simulator.tap("wechat", "login-code-sent-as-phone-code")
    report = inspect(tap.body, "--app", "wechat")
    saw(7, report, "doctor.login-code-as-phone-code")
    assert report.one("doctor.login-code-as-phone-code")["guess"] is True
    same = inspect({"login_code": tap.login_code, "authorization": {"code": tap.login_code}}, "--app", "wechat")
    assert "guess" not in same.one("doctor.login-code-as-phone-code")
    saw(7, inspect(answer(tap)), "platform.code-rejected", "doctor.login-code-as-phone-code")
    good = inspect(simulator.tap("wechat", "ok").body, "--app", "wechat")
    assert (good.exit_code, good.codes) == (0, {"doctor.code-not-asked"})


def test_8_two_processes_and_one_token(simulator, answer, inspect, doctor, config):
    """The setting that starts the war, and the refusal that ends it."""
    report = doctor("--config", config)
    saw(8, report, "doctor.token-plain")
    assert {each["where"] for each in report.of("doctor.token-plain")} >= {"apps.wechat-war.token"}
    saw(8, inspect(answer(simulator.tap("wechat", "token-war"))), "doctor.token-war", "platform.token-rejected")


def call(simulator, path, content):
    """Ask the simulated WeChat as a naive program would, and return the body."""
    connection = http.client.HTTPConnection(urlsplit(simulator.url).netloc, timeout=10)
    try:
        connection.request("POST", path, json.dumps(content))
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_9_a_retry_storm_in_the_log(simulator, inspect):
    """A program that keeps asking from an address that is not allowed leaves a log that says so."""
    table = simulator.stage.mirrors["wechat"].settings(simulator.url)["wechat-ip"]
    asked = {"grant_type": "client_credential", "appid": table["app_id"], "secret": table["app_secret"]}
    log = [call(simulator, "/cgi-bin/stable_token", asked) for _ in range(5)]
    report = inspect("\n".join(log))
    saw(9, report, "doctor.retry-storm", "platform.ip-not-allowed")
    assert report.one("doctor.retry-storm")["because"] == {"platform_code": "40164", "times": 5}
    assert "doctor.retry-storm" not in inspect("\n".join(log[:2])).codes


def test_10_who_has_to_act(doctor, simulator, tmp_path):
    """The platform's "no" to address, frozen secret and wrong secret comes with its words and our address."""
    text = simulator.settings_toml()
    names = ("wechat-ip", "wechat-frozen", "wechat-sealed")
    parts = [
        part for part in re.split(r"(?m)^(?=\[)", text) if part.startswith(tuple(f"[apps.{name}]" for name in names))
    ]
    secret = simulator.stage.mirrors["wechat"].settings(simulator.url)["wechat-sealed"]["app_secret"]
    config = tmp_path / "haoma.toml"
    config.write_text("allow_insecure_upstreams = true\n" + "".join(parts).replace(secret, "0" * 32))
    report = doctor("--config", config, "--online")
    saw(10, report, "platform.ip-not-allowed", "platform.secret-frozen", "platform.credentials-rejected")
    assert report.one("platform.ip-not-allowed")["because"]["our_address"] == "192.0.2.1"
    assert report.one("platform.ip-not-allowed")["where"] == "apps.wechat-ip"
    assert secret not in report.text


def test_11_one_number_with_two_users(simulator, config, inspect):
    """Results of several logins with one number are shown as what they are, and the number is masked."""
    with Client.from_file(config) as client:
        taps = [simulator.tap(platform, "overseas") for platform in ("wechat", "wechat", "alipay")]
        results = [client.get_phone_number(tap.app, tap.body) for tap in taps]
    report = inspect("\n".join(json.dumps(phone.to_dict()) for phone in results))
    saw(11, report, "doctor.account-duplicate")
    assert report.one("doctor.account-duplicate")["because"] == {
        "number": results[0].masked,
        "users": 3,
        "apps": "wechat, alipay",
    }
    assert results[0].e164 not in report.text
    one = inspect(results[0].to_dict())
    assert (one.exit_code, one.codes) == (0, {"doctor.reply-good"})


@pytest.mark.parametrize("case", [case for case in CASES if case[2] in PAINS[13]], ids=lambda case: case[0])
def test_13_the_button_that_never_fires(case, doctor, config, tmp_path):
    """Each framework's way to a dead button is found in the folder."""
    _name, files, code, file, line = case
    report = doctor("--config", config, "--front-end", write(tmp_path / "program", files))
    saw(13, report, code)
    assert (file, line) in {(each["file"], each["line"]) for each in report.of(code)}


def test_a_get_is_recognised(simulator, inspect):
    """An envelope in an address is called what it is, and what happened to it as well."""
    envelope = json.loads(simulator.tap("alipay", "ok").body["authorization"]["response"])
    while "+" not in envelope["sign"]:
        envelope = json.loads(simulator.tap("alipay", "ok").body["authorization"]["response"])
    report = inspect(f"GET /phone?response={envelope['response']}&sign={envelope['sign']} HTTP/1.1\n")
    assert {"doctor.sent-with-get", "doctor.base64-damaged"} <= report.wrong
    escaped = inspect("https://127.0.0.1/phone?" + urlencode(envelope))
    assert escaped.wrong == {"doctor.sent-with-get"}
    assert "doctor.envelope-good" in escaped.codes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_table_of_pains_is_what_is_tested(page):
    """The page lists each pain with the diagnoses that the tests expect, and each of them has its page."""
    rows = [line.strip("|").split("|") for line in page.read_text("utf-8").splitlines() if re.match(r"\| \d+ ", line)]
    listed = {int(row[0]): set(re.findall(r"`([a-z]+\.[a-z0-9-]+)`", row[2])) for row in rows}
    assert listed == PAINS
    for code in set().union(*PAINS.values()):
        assert code in catalogue.codes()
        assert (ROOT / "docs" / catalogue.page(code)).is_file()


CONSOLE = re.compile(r"控制台|微信公众平台|微信开放平台|开发管理")
CURED_IN_THE_PROGRAM = {1, 2, 3, 7}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_console_cures_says_where(lang):
    """Where a click in a console is the cure, a page of the pain has its path, in both languages."""
    for number, codes in PAINS.items():
        text = "".join(
            (ROOT / "docs" / catalogue.page(code)).read_text("utf-8").split("## English")[lang == "en"]
            for code in codes
        )
        assert (CONSOLE.search(text) is not None) or number in CURED_IN_THE_PROGRAM, number


def test_every_diagnosis_of_every_pain_is_expected():
    """Each diagnosis of each pain is what one of the tests with its number expects."""
    expected: dict[int, set[str]] = {13: {case[2] for case in CASES}}
    for node in ast.parse(Path(__file__).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and (number := re.match(r"test_(\d+)_", node.name)):
            words = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
            expected.setdefault(int(number[1]), set()).update(word for word in words if isinstance(word, str))
    assert all(codes <= expected[number] for number, codes in PAINS.items())
    assert expected.keys() == PAINS.keys()
