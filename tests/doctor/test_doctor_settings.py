"""Each setting of each platform, wrong in the ways in which people get it wrong, and right."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from haoma.doctor.configuration import offline
from haoma.platforms.base.diagnosis import Severity
from haoma.platforms.registry import PLATFORMS


def private(key, protection=None):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection or NoEncryption()).decode()


def public(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def bare(pem):
    return "".join(pem.split("\n")[1:-2])


OURS, ALIPAYS = (rsa.generate_private_key(65537, 2048) for _ in range(2))
AES = base64.b64encode(b"0123456789abcdef").decode()
SECRET = "0123456789abcdef" * 2

RIGHT = {
    "alipay": {"app_id": "2021000000000000", "alipay_public_key": bare(public(ALIPAYS)), "aes_key": AES, "app_private_key": bare(private(OURS))},
    "wechat": {"app_id": "wx0123456789abcdef", "app_secret": SECRET},
    "baidu": {"app_key": "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345", "app_secret": "aBcDeFgHiJkLmNoPqRsTuVwXyZ012346"},
    "douyin": {"app_id": "tt0123456789abcdef01", "app_secret": SECRET + "01234567", "app_private_key": bare(private(OURS))},
    "kuaishou": {"app_id": "ks0123456789abcdef12", "app_secret": "aB3" + SECRET[:19]},
    "xiaohongshu": {"app_id": "60123456789abcdef0123456", "app_secret": SECRET},
    "huawei": {"client_id": "123456789", "client_secret": SECRET * 2},
    "dingtalk": {"client_id": "ding0123456789abcdef", "client_secret": "aB-_" + SECRET + SECRET[:28]},
}  # fmt: skip

UNREADABLE, MISSING, SHAPE, PLACEHOLDER = (
    "config.key-unreadable", "config.empty-value", "config.app-id-shape", "config.app-secret-shape"
)  # fmt: skip
WRONG = [
    ("alipay", "app_id", "2088000000000000", SHAPE),
    ("alipay", "app_id", "wx0123456789abcdef", SHAPE),
    ("alipay", "app_id", 2021000000000000, "config.wrong-type"),
    ("alipay", "alipay_public_key", bare(public(OURS)), "config.app-public-key-used"),
    ("alipay", "alipay_public_key", bare(private(OURS)), "config.private-key-pasted"),
    ("alipay", "alipay_public_key", bare(public(ALIPAYS))[:200], UNREADABLE),
    ("alipay", "alipay_public_key", bare(public(rsa.generate_private_key(65537, 1024))), "config.key-too-short"),  # noqa: S505
    ("alipay", "alipay_public_key", "支付宝公钥", UNREADABLE),
    ("alipay", "alipay_public_key", {"file": "absent.txt"}, "config.file-unreadable"),
    ("alipay", "alipay_public_key", {"env": "HAOMA_ABSENT"}, "config.env-unset"),
    ("alipay", "aes_key", base64.b64encode(bytes(25)).decode(), "config.aes-key-length"),
    ("alipay", "aes_key", bare(public(ALIPAYS)), "config.aes-key-is-rsa-key"),
    ("alipay", "aes_key", AES[:-2], "config.aes-key-not-base64"),
    ("alipay", "aes_key", b"0123456789abcdef".hex(), "config.aes-key-length"),
    ("alipay", "app_private_key", bare(public(OURS)), "config.public-key-pasted"),
    ("alipay", "app_private_key", bare(private(OURS))[:500], UNREADABLE),
    ("alipay", "app_private_key", private(ec.generate_private_key(ec.SECP256R1())), "config.key-not-rsa"),
    ("alipay", "app_private_key", private(OURS, BestAvailableEncryption(b"password")), UNREADABLE),
    ("alipay", "gateway_url", "openapi.alipay.com", "config.bad-url"),
    ("wechat", "app_id", "gh_0123456789ab", SHAPE),
    ("wechat", "app_id", "wx0123456789abcde", SHAPE),
    ("wechat", "app_id", "2021000000000000", SHAPE),
    ("wechat", "app_secret", SECRET[:31], PLACEHOLDER),
    ("wechat", "app_secret", "*" * 32, PLACEHOLDER),
    ("wechat", "app_secret", "0" * 32, PLACEHOLDER),
    ("wechat", "app_id", "wx0000000000000000", SHAPE),
    ("wechat", "app_secret", "", MISSING),
    ("wechat", "token", "stabel", "config.wrong-type"),
    ("wechat", "api_base_url", "http://api.weixin.qq.com", "config.insecure-upstream"),
    ("wechat", "require", ["login_binding"], "config.wrong-type"),
    ("wechat", "max_age", "300s", "config.wrong-type"),
    ("wechat", "appsecret", SECRET, "config.unknown-setting"),
    ("baidu", "app_key", "12345678", SHAPE),
    ("baidu", "app_key", "", MISSING),
    ("baidu", "app_key", None, "config.missing-setting"),
    ("baidu", "app_secret", RIGHT["baidu"]["app_key"], PLACEHOLDER),
    ("baidu", "app_secret", "xxx", PLACEHOLDER),
    ("baidu", "app_secret", "", MISSING),
    ("douyin", "app_id", "wx0123456789abcdef", SHAPE),
    ("douyin", "app_id", "", MISSING),
    ("douyin", "app_id", None, "config.missing-setting"),
    ("douyin", "app_secret", "your-secret", PLACEHOLDER),
    ("douyin", "app_secret", "x" * 40, PLACEHOLDER),
    ("douyin", "app_secret", "your-app-secret-here", PLACEHOLDER),
    ("douyin", "app_secret", "", MISSING),
    ("douyin", "app_secret", 7, "config.wrong-type"),
    ("douyin", "app_private_key", bare(public(OURS)), "config.public-key-pasted"),
    ("douyin", "app_private_key", bare(private(OURS))[:300], UNREADABLE),
    ("douyin", "app_private_key", None, "config.missing-setting"),
    ("kuaishou", "app_id", "wx0123456789abcdef", SHAPE),
    ("kuaishou", "app_id", "", MISSING),
    ("xiaohongshu", "app_id", "wx0123456789abcdef", SHAPE),
    ("xiaohongshu", "app_id", "0" * 24, SHAPE),
    ("xiaohongshu", "app_id", "", MISSING),
    ("xiaohongshu", "app_secret", "your-app-secret-here", PLACEHOLDER),
    ("xiaohongshu", "app_secret", None, "config.missing-setting"),
    ("xiaohongshu", "app_secret", "", MISSING),
    ("kuaishou", "app_id", 123, "config.wrong-type"),
    ("kuaishou", "app_secret", "你的 AppSecret", PLACEHOLDER),
    ("kuaishou", "app_secret", "your-app-secret-here", PLACEHOLDER),
    ("kuaishou", "app_secret", "", MISSING),
    ("kuaishou", "app_secret", None, "config.missing-setting"),
    ("huawei", "client_id", "wx0123456789abcdef", SHAPE),
    ("huawei", "client_id", 123456789, "config.wrong-type"),
    ("huawei", "client_id", "", MISSING),
    ("huawei", "client_secret", "x", PLACEHOLDER),
    ("huawei", "client_secret", "", MISSING),
    ("huawei", "client_secret", None, "config.missing-setting"),
    ("huawei", "app_id", "123456789", "config.unknown-setting"),
    ("dingtalk", "client_id", "2021000000000000", SHAPE),
    ("dingtalk", "client_id", "", MISSING),
    ("dingtalk", "client_id", None, "config.missing-setting"),
    ("dingtalk", "client_secret", "short", PLACEHOLDER),
    ("dingtalk", "client_secret", "ding0123456789abcdef", PLACEHOLDER),
    ("dingtalk", "client_secret", "", MISSING),
    ("dingtalk", "client_secret", {"env": "HAOMA_ABSENT"}, "config.env-unset"),
    ("dingtalk", "app_key", "ding0123456789abcdef", "config.unknown-setting"),
]  # fmt: skip


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {json.dumps(each)}" for name, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def examined(tmp_path, platform, **changed):
    table = {"platform": platform, **RIGHT[platform], **changed}
    path = tmp_path / "haoma.toml"
    path.write_text("[apps.shop]\n" + "".join(f"{k} = {toml(v)}\n" for k, v in table.items() if v is not None), "utf-8")
    path.chmod(0o600)
    found = offline.examine(str(path), environ={})[2]
    return [each for each in found if each.severity in (Severity.FAULT, Severity.WARNING)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_right_is_not_warned_about(tmp_path, platform):
    """The usual settings of each platform: not one fault or warning."""
    assert examined(tmp_path, platform) == []


@pytest.mark.parametrize("platform, setting, value, code", WRONG)
def test_each_setting_that_is_wrong_is_named(tmp_path, platform, setting, value, code):
    """One diagnosis, of the setting that is wrong and no other, and nothing of a secret in it."""
    (found,) = examined(tmp_path, platform, **{setting: value})
    assert found.code == code
    assert f"apps.shop.{setting}".startswith(found.where)
    shown = json.dumps([found.to_dict("zh"), found.to_dict("en")], ensure_ascii=False)
    assert not [each for each in (SECRET, AES, bare(private(OURS))[40:80]) if each in shown]


def test_each_platform_is_wrong_in_many_ways():
    """At least three ways for each setting that a platform needs."""
    for platform, table in RIGHT.items():
        for setting in table:
            ways = [each for each in WRONG if each[:2] == (platform, setting)]
            assert len(ways) >= 3, (platform, setting)
