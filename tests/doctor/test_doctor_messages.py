"""Messages that people paste: the table of them, and whole captures in which they stand."""

import base64
import json
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from haoma import catalogue, configure
from haoma.doctor.captures import messages
from haoma.doctor.captures.inspect import inspect as look
from haoma.platforms.registry import PLATFORMS
from haoma.settings.model import Settings

NOW = 1790000000.0
APP_ID = "wx0123456789abcdef"
KEY, IV = b"messages-test-16", bytes(range(40, 56))
SESSION_KEY = base64.b64encode(KEY).decode()
PHONE_CODE, LOGIN_CODE = "a1b2" * 16, "0c1D2e3F4g5H6i7J8k9L0mNoPqRsTuVw"
SECRET = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@pytest.fixture(scope="module")
def shop():
    return configure("wechat", name="shop", app_id=APP_ID, app_secret=SECRET, accept_encrypted_data=True)


@pytest.fixture(scope="module")
def ding():
    return configure("dingtalk", name="ding", client_id="dingabcdefghij012345", client_secret="s" * 64)


def inspected(text, *apps, app="", now=NOW):
    settings = Settings(apps={each.name: each for each in apps}) if apps else None
    return look(text.encode(), settings, app=app, now=now)


def told(looked):
    """Return the codes of what is wrong, the first cause first."""
    return [each.code for each in looked.found if each.severity in ("fault", "warning")]


def sealed(number="13900002222", age=60.0):
    """Return what WeChat's button gives, with a plus in it that a form would turn into a blank."""
    for more in range(200):
        content = {
            "phoneNumber": number, "purePhoneNumber": number, "countryCode": "86",
            "watermark": {"timestamp": int(NOW - age) - more, "appid": APP_ID},
        }  # fmt: skip
        padder = PKCS7(128).padder()
        plain = padder.update(json.dumps(content).encode()) + padder.finalize()
        cipher = Cipher(algorithms.AES(KEY), modes.CBC(IV)).encryptor()
        text = base64.b64encode(cipher.update(plain) + cipher.finalize()).decode()
        if "+" in text[8:60]:
            return text
    raise AssertionError("no plus in two hundred ciphertexts")


# --- the table ---


def test_every_message_is_found_and_explained():
    """Each entry is found by its own words, its causes exist, and its source is a public page."""
    for message in messages.table():
        assert message.source.startswith("https://"), message
        assert len(set(message.causes)) == len(message.causes) > 0
        for cause in message.causes:
            platform, colon, native = cause.partition(":")
            ours, _, place = cause.partition("@")
            known = ours in catalogue.codes() and (not place or place in catalogue.codes()[ours])
            assert (native in catalogue.refusals(platform)) if colon else known, cause
            assert all(each.words(lang).remedy for each in messages.diagnoses(message, "x", 1) for lang in ("zh", "en"))
        for words in message.says:
            assert messages.like(words), words
            assert message.found_in(f"x\n{words}\ny", f"x\n{words}\ny"), words


def test_no_words_stand_twice():
    """One message has one entry: its causes are in one order."""
    said = [words for message in messages.table() for words in message.says]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("text", ["-410030", "x-41003y", "unbad decrypted", ""])
def test_words_inside_longer_ones_are_none(text):
    """A part of a longer number or word is no message."""
    assert list(messages.found_in(text)) == []


def test_several_words_of_a_platform_in_one_line():
    """They are one refusal: the most telling words count. In two lines they are two."""
    one = '{"sub_code": isv.missing-signature-config, "sub_msg": 验签出错, 未配置对应签名算法的公钥或者证书, "msg": 无效的AppID参数'
    assert len([each for each in inspected(f"x {one}").found if each.code.startswith("platform.")]) == 1
    two = "ISV权限不足\n无效的授权关系"
    assert set(told(inspected(two))) == {"platform.permission-missing", "platform.user-not-authorized"}


def test_the_mock_code_of_the_developer_tools():
    """In a log it is named as what it is, with the words for it."""
    (found,) = inspected("login ok: the code is a mock one, sent to the server").found
    assert found.code == "envelope.missing-field"
    assert "developer tools" in found.words("en").cause


# --- whole captures ---


@pytest.mark.parametrize(
    "text, causes",
    [
        ("Error: Illegal Buffer\n    at WXBizDataCrypt.decryptData (/srv/lib/WXBizDataCrypt.js:24:11)",
         ["doctor.garbage-decrypted", "doctor.session-key-stale", "doctor.watermark-app"]),
        ("Exception: Invalid Buffer", ["doctor.watermark-app"]),
        ("decryptData failed: -41003", ["doctor.garbage-decrypted", "doctor.session-key-stale", "doctor.watermark-app"]),
        ("AES解密失败\nCaused by: Input length not multiple of 16 bytes", ["doctor.base64-damaged", "doctor.cut-off"]),
        ("AES解密失败\nCaused by: Wrong IV length: must be 16 bytes long", ["doctor.base64-damaged", "doctor.swapped"]),
        ("java.security.InvalidAlgorithmParameterException: IV not 16 bytes long", ["doctor.base64-damaged"]),
        ("panic: cipher.NewCBCDecrypter: IV length must equal block size", ["doctor.base64-damaged"]),
        ("Warning: openssl_decrypt(): IV passed is only 12 bytes long, cipher expects an IV of precisely 16 bytes",
         ["doctor.base64-damaged"]),
        ("java.lang.Exception: 验签失败，请检查支付宝公钥设置是否正确。", ["doctor.wrong-public-key"]),
        ("alipay.exceptions.AliPayValidationError: verify failed", ["doctor.wrong-public-key"]),
        ("TypeError: Cannot read property 'encryptedData' of undefined;at pages/a/main page getphonenumber handler",
         ["doctor.detail-undefined"]),
        ("TypeError: Cannot read properties of undefined (reading 'errMsg')", ["doctor.detail-undefined"]),
        ("return_msg: 商户号该产品权限未开通，请前往商户平台>产品中心检查后重试", ["doctor.other-product"]),
        ("JVerify: fetch loginToken failed", ["doctor.other-product"]),
        ("10:00:01 wx.qy.getMobile:fail no permission", ["doctor.platform-not-supported"]),
        ("10:00:01 call https://api.q.qq.com/sns/jscode2session failed", ["doctor.platform-not-supported"]),
        ("10:00:01 jd.getAuthCode failed", ["doctor.platform-not-supported"]),
        ("POST https://open.feishu.cn/open-apis/mina/v2/tokenLoginValidate 10202", ["doctor.platform-not-supported"]),
        ("10:00:01 POST https://hnoauth-login.cloud.hihonor.com/oauth2/v3/token", ["doctor.platform-not-supported"]),
    ],
)  # fmt: skip
def test_a_message_alone(text, causes):
    """The most likely cause is the only fault; the others are notes, and nothing else is said."""
    looked = inspected(text)
    assert looked.kind == "log"
    assert told(looked) == causes[:1]
    assert {each.code for each in looked.found} >= set(causes)


@pytest.mark.parametrize(
    "text",
    [
        "Senparc.Weixin.Exceptions.ErrorJsonResultException: 微信请求发生错误！错误代码：ErrorCode_40001",
        "错误代码40001，说明：invalid credential，access_token is invalid or not latest，could get it otherwise",
        "Error code: 40001, message: invalid credential, access_token is invalid or not latest",
        "invalid credential, access_token is invalid or not latest",
    ],
)
def test_a_code_in_other_clothes(text):
    """A code without a colon, with a prefix, or said in WeChat's words alone is the same code."""
    looked = inspected(text)
    assert looked.found[0].code == "platform.token-rejected"
    assert looked.found[0].because["platform_code"] == "40001"


def test_the_address_decides_what_a_code_means(shop):
    """40029 of jscode2session is the login code; an app id that is not ours is named."""
    log = (
        "【请求地址】: https://api.weixin.qq.com/sns/jscode2session?access_token=5_invented-token-of-this-test\n"
        "【请求参数】：js_code={code}&secret=******&grant_type=authorization_code&appid={app_id}\n"
        '【错误信息】：错误代码：40029, 错误信息：code 无效，微信原始报文：{{"errcode":40029,"errmsg":"invalid code"}}'
    )
    other = inspected(log.format(code=LOGIN_CODE, app_id="wx00000000000000ee"), shop)
    assert {"platform.login-code-rejected", "doctor.app-not-configured"} <= set(told(other))
    assert "platform.code-rejected" not in {each.code for each in other.found}
    assert "wx00000000000000ee" in str([dict(each.because) for each in other.found])
    ours = inspected(log.format(code=LOGIN_CODE, app_id=APP_ID), shop)
    assert "doctor.app-not-configured" not in told(ours)
    phone = inspected('POST /wxa/business/getuserphonenumber\n{"errcode":40029,"errmsg":"invalid code"} <- answered')
    assert [each.code for each in phone.found if each.because.get("platform_code")] == ["platform.code-rejected"]


@pytest.mark.parametrize(
    "name, value, code",
    [
        ("component_verify_ticket", "null", "platform.token-rejected"),
        ("component_appid", "null", "doctor.parameter-empty"),
        ("component_appid", '""', "doctor.parameter-empty"),
        ("component_appid", '"undefined"', "doctor.parameter-empty"),
    ],
)
def test_an_empty_parameter_is_the_cause(name, value, code):
    """Whatever was answered; the secret beside it is warned of, and the answer gets no diagnosis of its own."""
    log = (
        "【请求地址】: https://api.weixin.qq.com/cgi-bin/component/api_component_token\n"
        f'【请求参数】：{{"component_appsecret":"{SECRET}","{name}":{value}}}\n'
        '【错误信息】：微信原始报文：{"errcode":61006,"errmsg":"component ticket is invalid"}'
    )
    looked = inspected(log)
    assert told(looked) == [code, "doctor.secret-pasted"]
    assert looked.found[0].because["field"] == name
    assert SECRET not in str(looked.found)


@pytest.mark.parametrize(
    "line",
    [
        'requests.post("https://api.weixin.qq.com/wxa/business/getuserphonenumber?access_token=" + token, json=body)',
        "POST /wxa/business/getuserphonenumber?access_token=5_invented status code = 200 in 12 ms, code: 5f3c",
        "url = f'/wxa/business/getuserphonenumber?access_token={token}'",
    ],
)
def test_a_parameter_that_is_not_empty(line):
    """A line of source code in a trace, and a value after a blank, are no empty parameters: the code counts."""
    looked = inspected(f'{line}\nanswered {{"errcode":40029,"errmsg":"invalid code"}}')
    assert looked.found[0].because["platform_code"] == "40029"


@pytest.mark.parametrize("end", ["&js_code=x", "", "' -H 'a: b'", '"'])
def test_a_parameter_with_nothing_behind_it(end):
    """In the middle of an address, at its end, and in quotes."""
    looked = inspected(f"GET https://api.weixin.qq.com/sns/jscode2session?grant_type=a&appid={end}\nfailed")
    assert (looked.found[0].code, looked.found[0].because["field"]) == ("doctor.parameter-empty", "appid")


@pytest.mark.parametrize("answer", ["", '\n{"errcode":40001,"errmsg":"invalid credential"}'])
@pytest.mark.parametrize("written", [SESSION_KEY, quote(SESSION_KEY, safe="")])
def test_a_session_key_in_the_place_of_the_token(answer, written):
    """What stands in the slot is looked at before the code is explained; nobody else's token is suspected."""
    looked = inspected(f"POST https://api.weixin.qq.com/wxa/business/getuserphonenumber?access_token={written}{answer}")
    assert looked.found[0].code == "doctor.session-key-as-token"
    assert not {"doctor.token-war", "platform.token-rejected"} & set(told(looked))
    assert SESSION_KEY not in str(looked.found)


@pytest.mark.parametrize(
    "printed",
    [
        "'access_token': '{}'", '"access_token": "{}"', "access_token={}, expires_in=7200", "accessToken: '{}'",
        "'access_token' => '{}',", '["access_token"]=>\n  string(24) "{}"', "[access_token] => {}",
        "WxAccessToken(accessToken={}, expiresIn=7200)", "{{access_token={}, code=5f3c}}", '\\"access_token\\":\\"{}\\"',
        "authorizer_access_token: {}",
    ],
)  # fmt: skip
def test_a_session_key_in_the_place_of_the_token_as_languages_print_it(printed):
    """Python, Java, PHP and Node write the parameter each in its own way; no address need stand beside it."""
    looked = inspected(f"10:00:01 {printed.format(SESSION_KEY)}\nerrcode: 40001, errmsg: invalid credential\n")
    assert told(looked)[0] == "doctor.session-key-as-token"
    assert "platform.token-rejected" not in told(looked)
    ours = printed.format("57_" + "qwErTyUiOpAsDfGhJkLz-_" * 4)
    assert told(inspected(f"10:00:01 {ours}\nerrcode: 40001, errmsg: x\n"))[0] == "platform.token-rejected"


@pytest.mark.parametrize("before", ["10:00:01 INFO POST /phone ", ""])
@pytest.mark.parametrize("lines", [4, 800])
def test_a_log_with_many_authorizations(shop, lines, before):
    """Each is read, up to a number that is said; a diagnosis stands once, with its line and how often it is there."""
    sent = [json.dumps({"code": f"{number:064x}", "errMsg": "getPhoneNumber:ok"}) for number in range(lines)]
    sent[2] = json.dumps({"code": "undefined"})
    text = "".join(f"{before}{each}\n" for each in sent)
    looked = inspected(text, shop)
    assert looked.kind == "phone-code"
    (bad,) = [each for each in looked.found if each.severity == "fault"]
    assert (bad.code, bad.because["in_line"], bad.because["times"]) == ("envelope.missing-field", 3, 1)
    (count,) = [each for each in looked.found if each.code == "doctor.many-captures"]
    read = min(lines, 200)
    assert dict(count.because) == {"found": lines, "read": read, "recognised": read}


def test_the_named_app_overrules_a_guess(shop, ding):
    """A code of DingTalk's older gateway, with and without the app; a code that only WeChat lists, with it."""
    said = json.dumps({"errcode": 40089, "errmsg": "不合法的corpId或corpSecret"})
    for text in (f"Failed: {said}", said):
        for app in ("ding", ""):
            looked = inspected(text, shop, ding, app=app)
            assert (looked.found[0].code, looked.found[0].error.platform) == (
                "platform.credentials-rejected", "dingtalk",
            )  # fmt: skip
    for text in ('{"errcode": 45009, "errmsg": "x"}', 'answered: {"errcode": 45009, "errmsg": "x"}'):
        looked = inspected(text, shop, ding, app="ding")
        assert {each.error.platform for each in looked.found if each.error} == {"dingtalk"}


@pytest.mark.parametrize("name_of_iv", ["iv", "ivStr"])
@pytest.mark.parametrize("name", ["encryptedData", "EncryptedData"])
def test_the_pieces_of_a_log_belong_together(shop, name, name_of_iv):
    """Key, iv and ciphertext of one log are tried: it opens once each blank is a plus again."""
    data, iv = sealed().replace("+", " "), base64.b64encode(IV).decode()
    trace = "javax.crypto.IllegalBlockSizeException: Input length not multiple of 16 bytes"
    looked = inspected(f"sessionKey={SESSION_KEY}\n{name}={data}\n{name_of_iv}={iv}\n{trace}\n", shop)
    codes = {each.code for each in looked.found}
    assert {"doctor.base64-damaged", "doctor.secret-pasted", "doctor.envelope-good"} <= codes
    assert not {"doctor.garbage-decrypted", "doctor.session-key-stale", "trust.cannot-open"} & codes
    assert SESSION_KEY not in str(looked.found)
    without = inspected(f"{name}={data}\n{name_of_iv}={iv}\n{trace}\n", shop)
    assert without.kind == "sealed"
    assert {"doctor.base64-damaged", "doctor.session-key-needed"} <= {each.code for each in without.found}


def test_an_old_log_is_no_fault(shop):
    """The watermark of a log may be old: that is a note, and no refusal."""
    data, iv = sealed(age=9_000_000), base64.b64encode(IV).decode()
    looked = inspected(f"sessionKey={SESSION_KEY}\nencryptedData={data}\niv={iv}\nInvalid padding bytes\n", shop)
    assert "trust.cannot-open" not in {each.code for each in looked.found}
    assert [each.severity for each in looked.found if each.code == "doctor.watermark-old"] == ["note"]


def test_a_platform_of_each_call_exists():
    """Each declared place of a call is a place of the platform's table, or all of its codes mean one thing."""
    from haoma.doctor.platforms import symptoms

    for platform in PLATFORMS:
        places = {name.partition("@")[2] for name in catalogue.refusals(platform)} | {
            "phone",
            "check",
            "login",
            "token",
        }
        assert set(symptoms(platform).interfaces.values()) <= places, platform
