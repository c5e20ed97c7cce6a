"""What the platforms answer: every code of every table is recognised in its reply, and every success is one."""

import base64
import json
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from haoma import catalogue, configure
from haoma.doctor.captures import others
from haoma.doctor.captures.capture import kind_name, kinds
from haoma.doctor.captures.inspect import inspect as look
from haoma.platforms.registry import PLATFORMS
from haoma.settings.model import Settings

pytest_plugins = ["support.desk"]

NOW = 1790000000.0
WORDS = "what the platform says"
ENTRIES = [(platform, name) for platform in PLATFORMS for name in catalogue.refusals(platform)]


def body(platform, name):
    """Return the reply, or the event of the button, in which a platform says a code; None if it says it in no body."""
    native, _, place = name.partition("@")
    native, _, sub = native.partition("/")
    return event(platform, native) if place == "button" else BODIES[platform](native, sub, place)


def of_alipay(native, sub, place):
    if place == "login" or native == "20001":
        return {"error_response": {"code": native, "sub_code": sub, "msg": WORDS}}
    return {"response": {"code": native, "subCode": sub, "msg": WORDS}}


def of_wechat(native, _sub, place):
    said = "invalid appsecret" if place == "token" else WORDS
    return {"errcode": int(native), "errmsg": said} if re.fullmatch(r"-?\d+", native) else None


def of_baidu(native, _sub, _place):
    if not native.isdigit():
        return {"error": native, "error_description": WORDS}
    if len(native) == 3:
        return {"error_code": int(native), "error_msg": WORDS}
    return {"errno": int(native), "error": WORDS, "error_description": WORDS}


def of_douyin(native, _sub, place):
    if place == "token":
        return {"data": {"error_code": int(native), "description": WORDS}, "message": "error"}
    return {"err_no": int(native), "err_tips": WORDS, "log_id": "20261121142114ABCDEF"}


def of_kuaishou(native, _sub, _place):
    return {"result": int(native), "error": "error", "error_msg": WORDS}


def of_huawei(native, _sub, place):
    if native == "mobile-missing":
        return {"openID": "o123456789", "unionID": "u123456789", "displayName": "138******00", "displayNameFlag": 1}
    if place == "code":
        return {"sub_error": int(native), "error_description": WORDS, "error": 1101}
    if place == "user":
        return f'HTTP/1.1 200 OK\r\nNSP_STATUS: {native}\r\n\r\n{{"error":"{WORDS}"}}'
    if native.startswith("http-"):
        return f"HTTP/1.1 {native[5:]} No\r\ncontent-type: text/html\r\n\r\n<html></html>"
    return {"resultCode": int(native), "resultDesc": WORDS}


def of_dingtalk(native, _sub, _place):
    if native == "mobile-missing":
        return {"nick": "zhangsan", "openId": "o123456789", "unionId": "u123456789"}
    return {"code": native, "requestid": "0A1B2C3D-0000", "message": WORDS}


def of_xiaohongshu(native, _sub, _place):
    words = "系统异常,请稍后重试" if native == "2" else WORDS
    return {"data": None, "success": False, "msg": words, "code": int(native)}


BODIES = {
    "alipay": of_alipay, "wechat": of_wechat, "baidu": of_baidu, "douyin": of_douyin, "kuaishou": of_kuaishou,
    "huawei": of_huawei, "dingtalk": of_dingtalk, "xiaohongshu": of_xiaohongshu,
}  # fmt: skip


def event(platform, native):
    if platform == "huawei":
        return {"code": int(native), "message": WORDS}
    if platform == "wechat":
        return {"type": "getphonenumber", "detail": {"errMsg": "getPhoneNumber:fail", "errno": int(native)}}
    return {"type": "getphonenumber", "detail": {"errMsg": f"getPhoneNumber:fail {native}"}}


def settings_of(*apps):
    return Settings(apps={app.name: app for app in apps})


def inspected(sent, *apps, app=""):
    sent = sent if isinstance(sent, str) else json.dumps(sent)
    return look(sent.encode(), settings_of(*apps) if apps else None, app=app, now=NOW)


@pytest.fixture(scope="module")
def huawei():
    return configure("huawei", client_id="110000001", client_secret="0123456789abcdef" * 4)


@pytest.fixture(scope="module")
def kuaishou():
    return configure("kuaishou", app_id="ks000000000000000000", app_secret="0123456789abcdef")


@pytest.fixture(scope="module")
def keys():
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


def pem(key):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def douyin(keys):
    return configure("douyin", app_id="tt0123456789abcdef", app_secret="0" * 40, app_private_key=pem(keys[0]))


@pytest.mark.parametrize("platform, name", ENTRIES, ids=[f"{platform}:{name}" for platform, name in ENTRIES])
def test_every_code_of_every_table_is_named(platform, name, huawei, kuaishou):
    """The reply body is enough: our code comes out, with the platform's, in the table's own words."""
    entry = catalogue.refusals(platform)[name]
    sent = body(platform, name)
    native = name.partition("@")[0]
    if sent is None:  # said by no reply: haoma's own refusal is what there is to capture
        sent = {"code": entry.code, "platform": platform, "platform_code": native, "title": "x"}
    app = {"http": huawei, "no permission": kuaishou}.get(native.partition("-")[0])  # several platforms say that
    looked = inspected(sent, *([app] if app is not None and app.platform == platform else []))
    said = [each.to_dict(lang) for each in looked.found for lang in ("zh", "en") if each.code == entry.code]
    assert said, [each.code for each in looked.found]
    assert said[0]["because"].get("platform_code", native) == native
    alike = [each for each in catalogue.refusals(platform).values() if each.code == entry.code]
    alike = [each for each in alike if each.native.partition("@")[0] == native]  # of another call, and the same error
    for lang in ("zh", "en"):
        assert {each["title"] for each in said} & {each.text[lang]["title"] for each in alike}
    assert looked.found[0].severity in ("fault", "warning")
    assert looked.kind in (f"{platform}-reply", "event", "alipay-clear-text", "haoma-problem")


@pytest.mark.parametrize(
    "sent, kind, code",
    [
        ({"err_no": "28001008", "err_msg": "x", "data": ""}, "douyin-reply", "platform.token-rejected"),
        ({"errcode": 40018, "errmsg": "bad code", "error": 3, "message": "bad code"}, "douyin-reply", "platform.login-code-rejected"),
        ({"data": {"error_code": 0}, "extra": {"error_code": 28001018}}, "douyin-reply", "platform.permission-missing"),
        ({"errno": 10010999, "error": "x", "error_description": "y"}, "baidu-reply", "platform.refused"),
        ({"error": "strange_word", "error_description": "y"}, "baidu-reply", "platform.refused"),
        ({"result": 0}, "kuaishou-reply", "platform.refused"),
        ({"success": False, "code": "410101", "msg": "x"}, "xiaohongshu-reply", "platform.token-rejected"),
        ({"resultCode": "60180005", "resultDesc": "used"}, "huawei-reply", "platform.code-rejected"),
        ({"error": 1101, "sub_error": "20155", "error_description": "x"}, "huawei-reply", "platform.code-rejected"),
        ({"error": 1101, "sub_error": 29999, "error_description": "x"}, "huawei-reply", "platform.refused"),
        ({"error": "session timeout"}, "huawei-reply", "platform.token-rejected"),
        ({"error": "access forbidden"}, "huawei-reply", "platform.permission-missing"),
        ('HTTP/1.1 200 OK\r\nnsp_status: 0102\r\n\r\n{"error":"invalid session"}', "huawei-reply", "platform.token-rejected"),
        ("HTTP/1.1 200 OK\r\nNSP_STATUS: 31204\r\n\r\n", "huawei-reply", "platform.user-not-authorized"),
        ("HTTP/1.1 200 OK\r\nNSP_STATUS: 99\r\n\r\n", "huawei-reply", "platform.refused"),
        ({"openID": "o1", "displayNameFlag": 1, "mobileNumber": "0085251234567"}, "huawei-reply", "outside.nonsense-reply"),
        ({"errcode": 60011, "errmsg": "no permission"}, "dingtalk-reply", "platform.permission-missing"),
        ({"error": "access_denied"}, "event", "envelope.user-declined"),
        ({"code": 1001502012, "message": "x"}, "event", "envelope.user-declined"),
        ({"detail": {"errMsg": "getPhoneNumber:fail auth deny"}}, "event", "envelope.user-declined"),
        ({"errMsg": "getPhoneNumber:fail platform auth deny"}, "event", "platform.permission-missing"),
        ('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n{"errcode":40029,"errmsg":"x"}', "wechat-reply", "platform.code-rejected"),
    ],
)  # fmt: skip
def test_refusals_in_other_forms(sent, kind, code):
    """A text for a number, an older interface, a code in no table, and an event nobody says the platform of."""
    looked = inspected(sent)
    assert (looked.kind, looked.found[0].code) == (kind, code)


@pytest.mark.parametrize(
    "sent, whose",
    [
        ({"errcode": 0, "errmsg": "ok", "corpid": "ww1", "userid": "zhangsan", "session_key": "a" * 24}, "WeCom"),
        ({"corpid": "ww1", "userid": "zhangsan", "name": "x", "gender": "1", "watermark": {"appid": "wx1"}}, "WeCom"),
        ({"error_response": {"code": "19", "zh_desc": "无效access_token", "en_desc": "x"}}, "JD"),
        ({"jingdong_user_phone_responce": {"code": "0", "result": {}}}, "JD"),
        ({"access_token": "t" * 32, "expires_in": 86400, "scope": "snsapi_base", "open_id": "o1", "xid": "x1"}, "JD"),
        ({"code": 0, "msg": "success", "data": {"open_id": "ou_1", "tenant_key": "1", "session_key": "a" * 24}}, "Feishu"),
        ('10:00:01 INFO answered {"errcode":0,"corpid":"ww1","userid":"u","session_key":"abcdefghijklmnop"}', "WeCom"),
    ],
)  # fmt: skip
def test_a_reply_of_a_platform_that_is_not_supported(sent, whose):
    """Without an address, by names that no other platform's replies have; a secret in it is warned of."""
    looked = inspected(sent)
    assert looked.kind == "other-reply"
    [said] = [each for each in looked.found if each.severity == "fault"]
    assert (said.code, said.because["looks_like"]) == ("doctor.platform-not-supported", whose)
    held = "session_key" in str(sent) or "access_token" in str(sent)
    assert any(each.code == "doctor.secret-pasted" for each in looked.found) == (held and "zh_desc" not in str(sent))


def test_every_reply_of_others_has_a_source():
    """Each entry names who sends it, what it holds, and the public page that shows it."""
    for each in others.table():
        assert each.platform
        assert each.holds or each.pattern
        assert each.source.startswith("https://")
    front_end = {"code": "c", "encryptedData": "A", "iv": "B", "corpid": "w", "userid": "u", "session_key": "s"}
    assert inspected(front_end).kind != "other-reply"


SESSION_KEY = base64.b64encode(bytes(range(16))).decode()


@pytest.mark.parametrize(
    "sent, kind",
    [
        ({"err_no": 0, "err_tips": "success", "data": {"session_key": SESSION_KEY, "openid": "o1"}}, "douyin-reply"),
        ({"data": {"access_token": "clt." + "t" * 40, "error_code": 0, "expires_in": 7200}, "message": "success"}, "douyin-reply"),
        ({"openid": "o1", "session_key": "0123456789abcdef0123456789abcdef"}, "baidu-reply"),
        ({"errno": 0, "msg": "ok", "data": {"open_id": "o1", "session_key": "0123456789abcdef0123456789abcdef"}}, "baidu-reply"),
        ({"access_token": "t" * 70, "refresh_token": "t" * 70, "scope": "public", "expires_in": 2592000, "session_key": "k" * 40}, "baidu-reply"),
        ({"result": 1, "session_key": SESSION_KEY, "open_id": "o1"}, "kuaishou-reply"),
        ({"openId": "o1", "unionId": "u1", "phoneNumber": "008613800138000", "purePhoneNumber": "13800138000", "phoneCountryCode": "0086", "phoneNumberValid": 1}, "huawei-reply"),
        ({"openID": "o1", "unionID": "u1", "displayName": "138******00", "displayNameFlag": 1, "mobileNumber": "13800138000"}, "huawei-reply"),
        ({"openID": "o1", "unionID": "u1", "mobileNumber": "008613800138000"}, "huawei-reply"),
        ('HTTP/1.1 200 OK\r\nNSP_STATUS: 0\r\n\r\n{"openID":"o1","mobileNumber":"+8613800138000"}', "huawei-reply"),
        ({"token_type": "Bearer", "access_token": "t" * 60, "id_token": "t" * 60, "expires_in": 3600}, "huawei-reply"),
        ({"accessToken": "t" * 40, "refreshToken": "t" * 40, "expireIn": 7200}, "dingtalk-reply"),
        ({"nick": "zhangsan", "openId": "o1", "unionId": "u1", "mobile": "13800138000", "stateCode": "86"}, "dingtalk-reply"),
        ({"data": {"openid": "o1", "session_key": SESSION_KEY}, "success": True, "msg": "success", "code": 0}, "xiaohongshu-reply"),
        ({"data": {"access_token": "t" * 70, "expire_in": 7200}, "success": True, "msg": "success", "code": 0}, "xiaohongshu-reply"),
        ({"openid": "o1", "session_key": SESSION_KEY}, "wechat-reply"),
    ],
)  # fmt: skip
def test_successes(sent, kind):
    """A success is called one, whose it is; no key, token or number of it is repeated."""
    looked = inspected(sent)
    assert looked.kind == kind
    holds = [name for name in ("access_token", "accessToken", "session_key") if name in json.dumps(sent)]
    assert {each.code for each in looked.found} == {"doctor.reply-good", *(["doctor.secret-pasted"] if holds else [])}
    text = repr(looked) + json.dumps([each.to_dict("zh") for each in looked.found])
    for secret in ("13800138000", SESSION_KEY, "0123456789abcdef", "t" * 40, "k" * 40):
        assert secret not in text


@pytest.mark.parametrize("wrap", [json.dumps, lambda sent: f"INFO login: {json.dumps(json.dumps(sent))}", repr])
@pytest.mark.parametrize(
    "sent, what",
    [
        ({"openid": "o1", "session_key": SESSION_KEY}, "session_key"),
        ({"access_token": "57_" + "t" * 80, "expires_in": 7200}, "access_token"),
        ({"data": {"access_token": "clt." + "t" * 40, "error_code": 0}, "message": "success"}, "access_token"),
        ({"accessToken": "t" * 40, "refreshToken": "t" * 40, "expireIn": 7200}, "access_token, refresh_token"),
        ({"alipay_system_oauth_token_response": {"access_token": "t" * 40, "user_id": "2088"}, "sign": "AAAA"}, "access_token"),
    ],
)  # fmt: skip
def test_secrets_in_a_success(sent, what, wrap):
    """The answer of a login holds what must stay on the server: whoever pasted it is warned, as is promised."""
    (warned,) = [each for each in inspected(wrap(sent)).found if each.code == "doctor.secret-pasted"]
    assert (warned.severity, warned.because) == ("warning", {"what": what})


def test_a_number_that_huawei_calls_stale():
    """``phoneNumberValid`` 0 is said, because the number should be checked by a text message."""
    sent = {"openId": "o", "purePhoneNumber": "13800138000", "phoneCountryCode": "0086", "phoneNumberValid": 0}
    (found,) = inspected(sent).found
    assert found.because == {"number": "138****8000", "phoneNumberValid": 0}
    sent["purePhoneNumber"] = "1"
    assert [each.code for each in inspected(sent).found] == ["outside.nonsense-reply"]


@pytest.mark.parametrize(
    "phone", [None, {}, {"purePhoneNumber": "", "countryCode": "86"}, {"purePhoneNumber": "13800138000"}, "13800138000"]
)
def test_an_answer_of_wechat_without_a_number(phone):
    """A success that holds no number is none; a success of another call, which has no ``phone_info``, is."""
    (found,) = inspected({"errcode": 0, "errmsg": "ok", "phone_info": phone}).found
    assert (found.code, found.because) == ("outside.nonsense-reply", {"field": "purePhoneNumber"})
    assert [each.code for each in inspected({"errcode": 0, "errmsg": "ok"}).found] == ["doctor.reply-good"]


def test_an_answer_of_wechat_with_a_number():
    """The number is masked, and the app is named whose it is by its watermark."""
    shop = configure("wechat", app_id="wx0123456789abcdef", app_secret="0123456789abcdef" * 2, name="shop")
    phone = {"purePhoneNumber": "13800138000", "countryCode": 86, "watermark": {"appid": shop.app_id, "timestamp": 1}}
    (found,) = inspected({"errcode": 0, "errmsg": "ok", "phone_info": phone}, shop).found
    assert (found.code, found.where, found.because) == ("doctor.reply-good", "apps.shop", {"number": "138****8000"})


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("known", ["nothing", "one app", "the app", "two apps"])
@pytest.mark.parametrize(
    "words, code, guess",
    [
        ("getPhoneNumber:fail no permission", "platform.permission-missing", True),
        ("getPhoneNumber:fail jsapi has no permission, event_id=1", "platform.permission-missing", True),
        ("getPhoneNumber:fail api scope is not declared in the privacy agreement", "platform.privacy-not-declared", False),
        ("getPhoneNumber:fail privacy permission is not authorized", "platform.privacy-not-declared", False),
        ("getPhoneNumber:fail something new 13800138000", "envelope.button-failed", False),
    ],
)  # fmt: skip
def test_the_words_of_a_failed_button(words, code, guess, known, as_text):
    """Without an errno the words decide, as an object and as text; to know the app makes the answer no worse."""
    apps = [
        configure("wechat", app_id=f"wx0{each}23456789abcdef", app_secret="01" * 16, name=f"a{each}") for each in "12"
    ]
    apps = {"nothing": [], "one app": apps[:1]}.get(known, apps)
    looked = inspected(words if as_text else {"errMsg": words}, *apps, app="a1" if known == "the app" else "")
    (found, *_others) = looked.found
    assert (looked.kind, found.code) == ("event", code)
    assert found.guess is (guess or (known == "nothing" and code.startswith("platform.")))
    if code == "envelope.button-failed":
        assert found.because == {"says": "getPhoneNumber:fail something new ***"}
    else:
        assert found.because["platform_code"] in ("102", "104", "112", "no permission")  # the last one is Kuaishou's


BACK_END = "doctor.own-back-end"


@pytest.mark.parametrize(
    "sent, kind, codes",
    [
        ({"code": 500, "msg": '获取手机号失败: {"errcode":40029,"errmsg":"invalid code"}'}, "log", {"platform.code-rejected"}),
        ({"code": 500, "message": "WxErrorException: 错误代码：40163，错误信息：code been used"}, "log", {"platform.code-rejected"}),
        ({"code": 500, "msg": "x", "data": {"errcode": 40164, "errmsg": "x"}}, "wechat-reply", {"platform.ip-not-allowed"}),
        ({"code": "500", "message": "pad block corrupted", "data": None}, "log", {"doctor.garbage-decrypted"}),
        ({"code": 500, "msg": "", "data": {"code": 1, "msg": '{"errcode":40029}'}}, "wechat-reply", {"platform.code-rejected"}),
        ('2026-11-21 WARN {"code":500,"msg":"系统异常"}', "back-end", {BACK_END}),
        ('HTTP/1.1 200 OK\r\n\r\n{"code":500,"msg":"系统异常"}', "back-end", {BACK_END}),
        ({"code": 1002018200, "msg": "获得手机号失败", "data": None}, "back-end", {BACK_END}),
        ({"code": 40029, "msg": "invalid code", "data": None}, "back-end", {BACK_END, "platform.code-rejected"}),
        ({"code": 0, "msg": "ok", "data": {"phone": "13800138000"}}, "back-end", set()),
        ({"code": 200, "msg": "13800138000"}, "back-end", set()),
        ({"level": "error", "code": 1, "msg": "errcode: 40029"}, "log", {"platform.code-rejected"}),
    ],
)  # fmt: skip
def test_answers_of_a_back_end(sent, kind, codes):
    """``code`` and ``msg`` is no request: what the platform said inside counts, and without it, it is called that."""
    looked = inspected(sent)
    assert looked.kind == kind
    wrong = {each.code for each in looked.found if each.severity in ("fault", "warning")}
    assert wrong == codes
    assert "13800138000" not in json.dumps([each.to_dict("zh") for each in looked.found])


def test_a_code_that_a_back_end_hands_on_is_a_guess():
    """The number has the platform's meaning, but nobody says that it is the platform's."""
    found = {each.code: each for each in inspected({"code": 40029, "msg": "invalid code"}).found}
    assert found["platform.code-rejected"].guess
    assert found[BACK_END].because == {"answered": "40029", "says": "invalid code"}


def test_a_code_that_means_two_things():
    """A code that the login and the phone interface share is told as the one, and noted as the other."""
    first, *others = inspected({"errcode": 40029, "errmsg": "invalid code"}).found
    assert first.code == "platform.code-rejected"
    assert [(each.code, each.severity, each.guess, each.because["answer_of"]) for each in others] == [
        ("platform.login-code-rejected", "note", True, "login")
    ]


def test_a_reply_of_another_platform(huawei):
    """With the app's name given, the answer of another platform is called that."""
    looked = inspected({"err_no": 40018, "err_tips": "x"}, huawei, app=huawei.name)
    found = {each.code: each for each in looked.found}
    assert found["doctor.other-platform"].because == {"looks_like": "douyin"}
    assert "platform.login-code-rejected" in found


def test_every_kind_has_two_names():
    """Each platform's answers have a name in both languages."""
    assert {f"{platform}-reply" for platform in PLATFORMS} <= kinds().keys()
    assert all(kind_name(kind, "zh") != kind_name(kind, "en") for kind in kinds())


# --- what Douyin encrypts ---


def sealed(key, app_id="tt0123456789abcdef", **changed):
    fields = {"phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86"} | changed
    plain = json.dumps(fields | {"watermark": {"appid": app_id, "timestamp": 1}}).encode()
    return base64.b64encode(key.public_key().encrypt(plain, padding.PKCS1v15())).decode()


def test_a_number_of_douyin(keys, douyin):
    """The configured private keys are tried, on the reply and on the bare ciphertext; the number is masked."""
    text = sealed(keys[0])
    for sent, kind in (
        ({"err_no": 0, "err_msg": "", "log_id": "x", "data": text}, "douyin-reply"),
        (text, "douyin-sealed"),
        (f'"{text}"\n', "douyin-sealed"),
    ):
        looked = inspected(sent, douyin)
        assert (looked.kind, [each.code for each in looked.found]) == (kind, ["doctor.envelope-good"])
        assert looked.found[0].because == {"number": "138****8000"}
        assert [each.code for each in inspected(sent).found] == ["doctor.no-configuration"]


def test_what_is_wrong_with_a_number_of_douyin(keys, douyin):
    """Another key, another app's watermark, no number in it, and the app that it really belongs to."""
    other = configure(
        "douyin", app_id="tt1123456789abcdef", app_secret="1" * 40, app_private_key=pem(keys[1]), name="other"
    )
    (found,) = inspected(sealed(keys[1]), douyin).found
    assert (found.code, found.where) == ("doctor.wrong-private-key", "apps.douyin.app_private_key")
    assert found.because == {"keys_tried": 1, "key_bits": "2048", "ciphertext_bits": 2048}
    assert inspected(sealed(keys[0], "tt9"), douyin).found[0].code == "doctor.watermark-app"
    looked = inspected(sealed(keys[0], countryCode="999"), douyin)
    assert [(each.code, each.because["failed_at"]) for each in looked.found] == [("trust.cannot-open", "fields")]
    looked = inspected(sealed(keys[1], "tt1123456789abcdef"), douyin, other, app=douyin.name)
    assert [each.code for each in looked.found] == ["doctor.other-apps-envelope", "doctor.envelope-good"]
    assert looked.found[0].because == {"belongs_to": "other"}


def test_haomas_refusal_of_such_a_number_points_to_the_key():
    """Step 5 of Douyin is its reply, so it is the private key; step 3 is the session_key flow, so it is the session_key."""
    for step, code in ((5, "doctor.wrong-private-key"), (3, "doctor.session-key-stale")):
        looked = inspected({"code": "trust.cannot-open", "platform": "douyin", "step": step, "title": "x"})
        assert {each.code for each in looked.found} == {"trust.cannot-open", code}
