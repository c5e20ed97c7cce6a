"""What real people paste into ``haoma inspect``: logs, commands, prints of other languages, halves, wrong things.

Every number, code, token and key is made up, but for the envelope of ``docs/example``.
"""

import base64
import html
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from haoma.doctor.captures.capture import kinds
from haoma.doctor.captures.inspect import inspect as look
from haoma.platforms.base.diagnosis import Severity, masked
from haoma.settings.reader import load

pytest_plugins = ["support.desk"]

EXAMPLE = Path(__file__).parents[2] / "docs" / "example"
RAW = (EXAMPLE / "envelope.json").read_text().strip()
RESPONSE, SIGN = json.loads(RAW).values()
KIT = json.dumps({"login_code": "a-login-code", "authorization": {"response": RAW}})

PHONE_CODE, LOGIN_CODE = "5f3c" * 16, "0a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTu"
SEALED, IV = base64.b64encode(bytes(range(7, 167))).decode(), base64.b64encode(bytes(range(16))).decode()
SESSION_KEY = base64.b64encode(b"session-key-12!!").decode()
TOKEN = "57_" + "qwErTyUiOpAsDfGhJkLz-_" * 4
APP_SECRET = "0123456789abcdef" * 2
NUMBER = "13900001111"
APP_ID = "wx0123456789abcdef"

KEY = rsa.generate_private_key(65537, 2048)
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PKCS1 = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
OF_EC = (
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop")])
CERTIFICATE = (
    x509.CertificateBuilder(
        _NAME, _NAME, KEY.public_key(), 7, datetime(2024, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)
    )
    .sign(KEY, hashes.SHA256())
    .public_bytes(Encoding.PEM)
    .decode()
)


def bare(pem):
    return "".join(pem.split("\n")[1:-2])


SECRETS = (
    RESPONSE[:30], SIGN[:30], PHONE_CODE, LOGIN_CODE, SEALED[:30], SESSION_KEY, TOKEN[3:30], APP_SECRET, NUMBER,
    bare(PRIVATE)[60:100], bare(PKCS1)[60:100], bare(OF_EC)[60:100], "dingtalk-auth-code-1",
)  # fmt: skip

GOOD: set[str] = set()
WRAPPED = {"doctor.inside-something"}
GET = {"doctor.sent-with-get", "doctor.base64-damaged"}
CODES = {"platform.code-rejected"}


def har(*exchanges, more=""):
    """Return a HAR file as browsers save it; a body that is a pair of method and address is none."""
    entries = []
    for sent, answered in exchanges:
        method, url = sent if isinstance(sent, tuple) else ("POST", "https://shop.example/phone")
        body = {} if isinstance(sent, tuple) else {"postData": {"mimeType": "application/json", "text": sent}}
        stack: dict[str, object] = {"callFrames": []}
        for _ in range(20):
            stack = {"callFrames": [], "parent": stack}
        entries.append({
            "_initiator": {"type": "script", "stack": stack},
            "startedDateTime": "2026-11-21T00:00:00.000Z",
            "request": {"method": method, "url": url, "headers": [], "queryString": [], "bodySize": -1, **body},
            "response": {"status": 200, "headers": [], "content": {"size": 1, "mimeType": "x/y", "text": answered}},
            "timings": {"wait": 1.5},
        })  # fmt: skip
    entries.append(
        {"request": {"method": "GET", "url": "https://shop.example/a.js?v=1"}, "response": {"content": {"text": more}}}
    )
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "WebInspector"}, "pages": [], "entries": entries}})


ENVELOPES = {
    "as it came": (RAW, GOOD),
    "front-end kit": (KIT, GOOD),
    "JSON in JSON": (json.dumps(RAW), GOOD),
    "JSON in JSON in JSON": (json.dumps(json.dumps(RAW)), WRAPPED),
    "the string in a string in response": (json.dumps({"response": json.dumps(RAW)}), WRAPPED),
    "HTML entities": (html.escape(KIT), WRAPPED),
    "escaped slashes": (RAW.replace("/", "\\/"), GOOD),
    "escaped by a template": (RAW.replace("+", "\\u002B").replace("=", "\\u003d"), GOOD),
    "a form": (urlencode({"response": RAW}), GOOD),
    "a form that was not escaped": (f"response={RESPONSE}&sign={SIGN}", {"doctor.base64-damaged"}),
    "a byte order mark": ("\ufeff" + RAW, {"envelope.not-json"}),
    "PowerShell": (RAW.encode("utf-16"), {"envelope.not-utf8"}),
    "UTF-16 without its mark": (RAW.encode("utf-16-le"), {"envelope.not-json"}),
    "UTF-16 the other way around": (RAW.encode("utf-16-be"), {"envelope.not-json"}),
    "percent-encoded twice": (quote(quote(RAW)), WRAPPED),
    "Django's QueryDict": (f"POST: <QueryDict: {{'response': ['{RESPONSE}'], 'sign': ['{SIGN}']}}>", GOOD),
    "Go's struct": (f"{{Response:{RESPONSE} Sign:{SIGN}}}", WRAPPED),
    "Go's struct in a log": (f"2026/11/21 10:00:01 &{{LoginCode: Response:{RESPONSE} Sign:{SIGN}}}", WRAPPED),
    "a comma too many": (RAW[:-1] + ",}", WRAPPED),
    "a line break in a string": (RAW.replace(RESPONSE, RESPONSE[:40] + "\n" + RESPONSE[40:]), WRAPPED | {"doctor.base64-damaged"}),
    "Python's repr": (repr(json.loads(RAW)), WRAPPED),
    "Python's repr of the kit": (repr({"login_code": None, "ok": True, "authorization": json.loads(RAW)}), WRAPPED),
    "Python's logging": (f"INFO:root:got {json.loads(RAW)!r}", WRAPPED),
    "Java's Map": (f"10:00:01 INFO PhoneController - params: {{response={RESPONSE}, sign={SIGN}}}", WRAPPED),
    "Java's Map with the string": (f"10:00:01 INFO PhoneController - params: {{response={RAW}}}", GOOD),
    "PHP's print_r": (f"Array\n(\n    [response] => {RESPONSE}\n    [sign] => {SIGN}\n)\n", WRAPPED),
    "PHP's var_dump": (f'array(2) {{\n  ["response"]=>\n  string(88) "{RESPONSE}"\n  ["sign"]=>\n  string(344) "{SIGN}"\n}}', WRAPPED),
    "Go's map": (f"map[response:{RESPONSE} sign:{SIGN}]", WRAPPED),
    "Node's console.log": (f"{{\n  response: '{RESPONSE}',\n  sign: '{SIGN}'\n}}", WRAPPED),
    "copy as cURL (bash)": (f"curl 'https://shop.example/p' \\\n  -H 'content-type: application/json' \\\n  --data-raw '{KIT}' \\\n  --compressed", GOOD),
    "copy as cURL (bash, ANSI)": (f"curl 'https://shop.example/p' --data-raw $'{json.dumps({'response': RAW, 'a': '_Q_'})}'".replace("\\", "\\\\").replace("_Q_", "\\'"), GOOD),
    "copy as cURL (cmd)": ('curl ^"https://shop.example/p^" ^\n  --data-raw ^"' + RAW.replace('"', '^\\^"') + '^"', GOOD),
    "curl with a form": (f"curl -X POST https://shop.example/p -d 'response={quote(RESPONSE, '')}&sign={quote(SIGN, '')}'", GOOD),
    "curl with a query": (f"curl 'https://shop.example/p?response={RESPONSE}&sign={SIGN}'", GET),
    "copy as fetch": (f'fetch("https://shop.example/p", {{\n  "body": {json.dumps(KIT)},\n  "method": "POST"\n}});', GOOD),
    "a HAR file": (har((KIT, "")), GOOD),
    "a HAR file with an answer": (har((KIT, '{"code": 500}')), GOOD),
    "a HAR file of a page": (har((KIT, ""), more="{var a: 1}" * 30_000), GOOD),
    "a HAR file with more around it": (har((json.dumps({"data": RAW}), "")), WRAPPED),
    "a HAR file of a GET": (har((("GET", "https://shop.example/p?" + urlencode(json.loads(RAW))), "")), {"doctor.sent-with-get"}),
    "an access log": (f'192.0.2.1 - - [21/Nov/2026] "GET /p?response={RESPONSE}&sign={SIGN} HTTP/1.1" 200 12', GET),
    "a log of JSON lines": (json.dumps({"level": "info", "msg": "in", "body": KIT}), GOOD),
    "multipart": (f'--X\r\nContent-Disposition: form-data; name="response"\r\n\r\n{RESPONSE}\r\n--X\r\nContent-Disposition: form-data; name="sign"\r\n\r\n{SIGN}\r\n--X--', {"envelope.not-json"}),
    "one field too deep": (json.dumps({"data": json.loads(RAW)}), set()),
    "one field too deep, beside the login": (json.dumps({"login_code": "a", "data": json.loads(RAW)}), set()),
    "in a list": (f"[{RAW}]", WRAPPED),
    "uni-app": (json.dumps({"detail": {"errMsg": "getPhoneNumber:ok", "encryptedData": RESPONSE, "sign": SIGN}}), {"doctor.stock-uni-app"}),
    "Taro": (json.dumps({"mpEvent": {"type": "getAuthorize"}, "detail": {"response": RAW}}), GOOD),
    "swapped": (json.dumps({"response": SIGN, "sign": RESPONSE}), {"doctor.swapped"}),
    "URL-safe alphabet": (RAW.replace("+", "-").replace("/", "_"), {"doctor.base64-damaged"}),
    "wrapped lines": (json.dumps({"response": RESPONSE, "sign": SIGN[:76] + "\r\n" + SIGN[76:]}), {"doctor.base64-damaged"}),
    "without its sign": (json.dumps({"response": RESPONSE}), {"trust.signature-missing"}),
    "undefined": ('{"response": "undefined"}', {"envelope.missing-field"}),
}  # fmt: skip

OTHERS = {
    "a HAR file of the wrong code": (har((json.dumps({"code": LOGIN_CODE}), '{"code": 500}')), "phone-code", {"doctor.login-code-as-phone-code"}),
    "a HAR file of a login and a number": (har((json.dumps({"code": LOGIN_CODE}), "{}"), (json.dumps({"code": PHONE_CODE}), "{}")), "phone-code", GOOD),
    "a HAR file of an answer": (har(("{}", '{"errcode": 40029, "errmsg": "invalid code"}')), "wechat-reply", CODES),
    "a HAR file of a code and its answer": (har((json.dumps({"code": PHONE_CODE}), '{"errcode": 40029, "errmsg": "invalid code"}')), "phone-code", CODES),
    "a HAR file of something else": (har(("{}", "<html>")), "unknown", {"doctor.unrecognised"}),
    "a HAR file that is cut off": (har((KIT, ""))[:-100], "piece", {"doctor.cut-off"}),
    "a log cut at 1024": (f"INFO body={KIT[:380]}", "piece", {"doctor.cut-off"}),
    "an envelope cut off": (RAW[:300], "piece", {"doctor.cut-off"}),
    "a ciphertext alone": (RESPONSE, "part", {"doctor.part-alone"}),
    "the first tap of Alipay's button": ({"type": "getAuthorize", "detail": {}}, "alipay-event", {"envelope.missing-field"}),
    "nothing": (" \n", "unknown", {"envelope.missing-field"}),
    "an object as text": ("[object Object]", "unknown", {"envelope.missing-field"}),
    "an object as text in a field": ({"authorization": "[object Object]"}, "unknown", {"envelope.missing-field"}),
    "an event of WeChat": ({"type": "getphonenumber", "detail": {"errMsg": "getPhoneNumber:ok", "code": PHONE_CODE, "encryptedData": SEALED, "iv": IV}}, "phone-code", GOOD),
    "an event in a console": (f'{{errMsg: "getPhoneNumber:ok", code: "{PHONE_CODE}"}}', "phone-code", WRAPPED),
    "encryptedData and iv swapped": ({"encryptedData": IV, "iv": SEALED}, "sealed", {"doctor.swapped"}),
    "a phone code alone": (PHONE_CODE, "phone-code", GOOD),
    "a login code alone": (f'"{LOGIN_CODE}"', "login-code", GOOD),
    "what wx.login gave": ({"errMsg": "login:ok", "code": LOGIN_CODE}, "phone-code", {"doctor.login-code-as-phone-code"}),
    "errMsg alone": ("getPhoneNumber:fail user deny", "event", {"envelope.user-declined"}),
    "errMsg of Douyin": ("errMsg: 'getPhoneNumber:fail auth deny'", "event", {"envelope.user-declined"}),
    "errMsg without permission": ("getPhoneNumber:fail no permission", "event", {"platform.permission-missing"}),
    "errMsg without the privacy agreement": ("getPhoneNumber:fail api scope is not declared in the privacy agreement", "event", {"platform.privacy-not-declared"}),
    "errMsg and errno in a console": ('{errMsg: "getPhoneNumber:fail jsapi has no permission, event_id=1", errno: 102}', "event", {"platform.permission-missing"} | WRAPPED),
    "WxJava": ('WxErrorException: 错误代码：40029, 微信原始报文：{"errcode":40029,"errmsg":"invalid code"}', "log", CODES),
    "WxJava in Chinese alone": ("错误代码：40163，错误信息：code been used", "log", CODES),
    "WxJava in the encoding of Windows": ("错误代码：40163，错误信息：无效".encode("gbk"), "log", CODES),
    "wechatpy": ("WeChatClientException: Error code: 40029, message: invalid code", "log", CODES),
    "a dict of Python": ("{'errcode': 40029, 'errmsg': 'invalid code'}", "log", CODES),
    "wechatpy with a wrong key": ("UnicodeDecodeError: 'utf-8' codec can't decode byte 0x9c in position 0", "log", {"doctor.garbage-decrypted"}),
    "an AES key too long": ("java.security.InvalidKeyException: Invalid AES key length: 25 bytes", "log", {"config.aes-key-length"}),
    "a timeout with the secret in its address": (f"ConnectTimeout: url: /cgi-bin/token?appid={APP_ID}&secret={APP_SECRET}", "log", {"outside.connect-failed", "doctor.secret-pasted"}),
    "haoma's own line": ("haoma: error: The envelope has no sign [trust.signature-missing] (app=shop platform=alipay step=2)", "haoma-problem", {"trust.signature-missing"}),
    "decrypted": ({"phoneNumber": NUMBER, "purePhoneNumber": NUMBER, "countryCode": "86", "watermark": {"timestamp": 1, "appid": APP_ID}}, "decrypted", GOOD),
    "an access_token": (TOKEN, "secret", {"doctor.secret-pasted"}),
    "an access_token with its name": (f"access_token: {TOKEN}", "secret", {"doctor.secret-pasted"}),
    "a session_key with its name": (f"session_key={SESSION_KEY}", "secret", {"doctor.secret-pasted"}),
    "a session_key in JSON": ({"session_key": SESSION_KEY}, "secret", {"doctor.secret-pasted"}),
    "an AppSecret": (APP_SECRET, "secret", {"doctor.secret-pasted"}),
    "the address of jscode2session": (f"https://api.weixin.qq.com/sns/jscode2session?appid={APP_ID}&secret={APP_SECRET}&js_code={LOGIN_CODE}", "secret", {"doctor.secret-pasted"}),
    "a session_key alone": (SESSION_KEY, "key", GOOD),
    "an AES key of 25 bytes": (base64.b64encode(bytes(range(25))).decode(), "key", {"config.aes-key-length"}),
    "PEM": (PUBLIC, "key", GOOD),
    "PEM with \\n": (PUBLIC.replace("\n", "\\n"), "key", GOOD),
    "PEM in a .env": ('ALIPAY_PUBLIC_KEY="' + PUBLIC.replace("\n", "\\n") + '"', "key", GOOD),
    "PEM with spaces": (PUBLIC.replace("\n", " "), "key", GOOD),
    "a line of haoma.toml": (f'alipay_public_key = "{bare(PUBLIC)}"', "key", GOOD),
    "a private key": (PRIVATE, "key", GOOD),
    "a private key under the wrong name": (PRIVATE.replace("PRIVATE", "PUBLIC"), "key", GOOD),
    "a private key, PKCS#1, bare": (bare(PKCS1), "key", GOOD),
    "a private key in DER": (base64.b64decode(bare(PRIVATE)), "key", GOOD),
    "a public key in DER": (base64.b64decode(bare(PUBLIC)), "key", GOOD),
    "a certificate in DER": (base64.b64decode(bare(CERTIFICATE)), "key", GOOD),
    "Alipay's SDK for Java": ("com.alipay.api.AlipayApiException: sign check fail: check Sign and Data Fail！", "log", {"doctor.wrong-public-key"}),
    "a key that is cut off": (PRIVATE[:600], "key", {"config.key-unreadable"}),
    "a key of another kind": (OF_EC, "key", {"config.key-not-rsa"}),
    "a certificate": (CERTIFICATE, "key", GOOD),
    "DingTalk comes back": ("https://shop.example/cb?authCode=dingtalk-auth-code-1&state=x", "phone-code", GOOD),
    "DingTalk was declined": ("https://shop.example/cb?error=access_denied&state=x", "event", {"envelope.user-declined"}),
    "a page": ("<html><body><h1>502 Bad Gateway</h1></body></html>", "unknown", {"doctor.unrecognised"}),
    "no text": (bytes(range(256)) * 4, "unknown", {"doctor.unrecognised"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def example():
    return load(EXAMPLE / "haoma.toml")


def as_bytes(sent):
    if isinstance(sent, bytes):
        return sent
    return (json.dumps(sent, ensure_ascii=False) if isinstance(sent, dict) else sent).encode()


def wrong(looked):
    return {each.code for each in looked.found if each.severity in (Severity.FAULT, Severity.WARNING)}


def shown(looked):
    return "".join(json.dumps(each.to_dict(lang), ensure_ascii=False) for each in looked.found for lang in ("zh", "en"))


CLOSED = {"the string in a string in response", "URL-safe alphabet"}  # of those with warnings alone; not repaired


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_envelope_is_found_in_whatever_it_was_captured(example, name):
    """However it was written down it is an envelope; what a service would refuse is said, and the rest is in order."""
    sent, codes = ENVELOPES[name]
    for settings in (None, example):
        looked = look(as_bytes(sent), settings, now=0.0)
        assert looked.kind == "alipay-envelope"
        assert wrong(looked) - {"envelope.bad-base64"} == codes  # with the keys at hand it is refused as well
        assert not [secret for secret in SECRETS if secret in shown(looked)]
    if codes <= WRAPPED | GET and name not in CLOSED:
        assert "138****2222" in shown(looked)


@pytest.mark.parametrize("sent, kind, codes", OTHERS.values(), ids=OTHERS)
def test_whatever_is_pasted_is_called_what_it_is(example, sent, kind, codes):
    """Its kind, what is wrong with it, and no secret and no number again; also where only another platform is known."""
    looked = look(as_bytes(sent), now=0.0)
    assert (looked.kind, wrong(looked)) == (kind, codes)
    assert kind in kinds()
    beside = look(as_bytes(sent), example, now=0.0)
    assert beside.kind == kind
    assert not [secret for secret in SECRETS if secret in shown(looked) + shown(beside)]


@pytest.mark.parametrize("lang, says", [("en", "It is wrapped in something else"), ("zh", "它包在别的东西里面")])
def test_people_are_told_what_it_was_in(run, lang, says):
    """The command says in what it was wrapped, in the language of the reader, and ends as documented."""
    done = run("inspect", "-", "--config", EXAMPLE / "haoma.toml", "--lang", lang, sent=repr(json.loads(RAW)))
    assert done.exit_code == 1
    assert says in done.stdout
    assert "138****2222" in done.stdout


def test_bodies_of_a_har_file_in_its_other_forms(example):
    """A form is a list of its fields there, and an answer may be base64; what is broken in that way is left out."""
    form = [{"name": name, "value": value} for name, value in json.loads(RAW).items()]
    answer = base64.b64encode(b'{"errcode": 40029, "errmsg": "x"}').decode()
    for text, codes in ((answer, CODES), (answer[:-3], GOOD), ("/w==", GOOD)):
        entry = {
            "request": {"method": "POST", "url": "/p", "postData": {"params": form}},
            "response": {"content": {"text": text, "encoding": "base64"}},
        }
        looked = look(json.dumps({"log": {"entries": [entry]}}).encode(), example, now=0.0)
        assert (looked.kind, wrong(looked)) == ("alipay-envelope", codes)
        assert "doctor.envelope-good" in {each.code for each in looked.found}


BEGINNINGS = (
    '{"response": ', "{a:", "\n{", "'", '"response"=>', "&quot;", "GET /?", "trust.", "$'", "b'", '{"', 'name="a"\n', "1.", "::",
    "-----BEGIN", "errno ", "secret ", "getAuthCode ", "platform=", "a=1&", "MIIE", "getPhoneNumber:fail", "'{", "%7B", "%257B", "<QueryDict: {", "\\u0022",
)  # fmt: skip
RUNS = (
    *" \t\n\r\v\f\x1c\x85\xa0\u2028\u3000", "\r\n",  # white space, of Unicode as well
    *"'\"`{}[]()<>%\\&^$?@.,:;#*",
    *"0179afFAzZ_-+/=", "aA1/", "\ufffd",
)  # fmt: skip
AROUND = ('{"a":1', "x"), ('{"response":"', '"}'), ("POST / HTTP/1.1\r\n", "x"), ("curl '", "x")


def slowest(texts):
    taken = {}
    for text in texts:
        started = time.process_time()
        look(text.encode()[:120_000], now=0.0)
        taken[text[:40], text[-10:]] = time.process_time() - started
    return max((seconds, text) for text, seconds in taken.items())


@pytest.mark.parametrize("text", BEGINNINGS)
def test_nothing_that_is_pasted_takes_long(text):
    """Beginnings without an end are no work without end."""
    assert slowest([text * (40_000 // len(text))]) < (2,)


@pytest.mark.parametrize("run", RUNS, ids=ascii)
def test_no_run_of_one_character_takes_long(run):
    """Twice as much of one character is twice the work, and not four times as much; alone, and in the middle."""
    assert slowest([run * (32 * 1024 // len(run))]) < (1,)
    assert slowest([before + run * (4 * 1024 // len(run)) + after for before, after in AROUND]) < (1,)


def test_the_first_of_two_equal_names_is_not_believed(example):
    """What the strict reader refuses is not read by a milder one behind its back."""
    looked = look(b'{"response": "a", ' + RAW[1:].encode(), example, now=0.0)
    assert (looked.kind, wrong(looked)) == ("unknown", {"envelope.not-json"})


def test_a_number_in_the_place_of_a_name_is_masked():
    """A member's name is said, but not if it is a number."""
    text = shown(look(json.dumps({NUMBER: json.loads(RAW)}).encode(), now=0.0))
    assert "inside ***" in text
    assert NUMBER not in text


@pytest.mark.parametrize("pem", [PUBLIC, CERTIFICATE])
def test_a_key_on_one_line_of_a_env_file_is_read_by_the_settings_too(tmp_path, pem):
    """What inspect recognises the settings take: PEM whose line breaks are written as two characters."""
    key = tmp_path / "key"
    key.write_text(pem.replace("\n", "\\n"))
    path = tmp_path / "haoma.toml"
    path.write_text(
        '[apps.shop]\nplatform = "alipay"\napp_id = "2021000000000000"\n'
        f'aes_key = "{IV}"\nalipay_public_key = {{ file = "key" }}\n'
    )
    (read,) = load(path).apps["shop"].public_keys  # type: ignore[attr-defined]
    assert read.public_numbers() == KEY.public_key().public_numbers()


@pytest.mark.parametrize(
    "sent",
    [
        {"errcode": NUMBER, "errmsg": "x"},
        {"errcode": 40029, "errmsg": f"invalid code {LOGIN_CODE}"},
        {"errcode": 40125, "errmsg": f"invalid appsecret {APP_SECRET}"},
        {"resultCode": 1, "resultDesc": SESSION_KEY},
        {"error": APP_SECRET, "error_description": "x"},
        {"code": "trust.cannot-open", "app": NUMBER, "platform": "wechat"},
        {"detail": {"errMsg": "getPhoneNumber:fail", "errno": int(NUMBER)}},
        {"login_code": "a", "detail": {LOGIN_CODE: 1}},
        {"masked": NUMBER, "checks": [], "subject": None},
        f"[trust.cannot-open] (app={APP_SECRET} platform=wechat)",
        f"getPhoneNumber:fail {SESSION_KEY}",
        f"errcode: 40029, errmsg: '{TOKEN}'",
    ],
)
def test_what_others_say_holds_no_secret_when_it_is_said_again(sent):
    """A platform's words, a code or a name may be anything: what may be a secret or a number is left out."""
    looked = look(as_bytes(sent), now=0.0)
    assert looked.found
    assert not [secret for secret in SECRETS if secret in shown(looked)]


def test_what_helps_to_ask_the_platform_stays():
    """WeChat's rid, a request's id, a sub code and our address are no secrets."""
    for words in (
        "rid: 65a1b2c3-12345678-12345678",
        "isv.insufficient-isv-permissions",
        "0f1e2d3c-aaaa-bbbb-cccc-0123456789ab",
    ):
        assert masked(words) == words
    looked = look(
        b'{"errcode": 40164, "errmsg": "invalid ip 192.0.2.7 ipv6 ::ffff:192.0.2.7, not in whitelist"}', now=0.0
    )
    assert looked.found[0].because["our_address"] == "192.0.2.7"
