"""What the doctor finds in the apps of every platform, and in the logs of their clients; nothing is asked of anybody."""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from haoma.doctor.configuration import offline
from haoma.doctor.configuration.secrets import known_values
from haoma.io.clock import now
from haoma.platforms.registry import PLATFORMS

pytest_plugins = ["support.desk"]

SECRET = "0123456789abcdef0123456789abcdef"
TABLES: dict[str, dict[str, Any]] = {
    "wechat": {"app_id": "wx0123456789abcdef", "app_secret": SECRET},
    "baidu": {"app_key": "a" * 32, "app_secret": SECRET},
    "douyin": {"app_id": "tt0123456789abcdef", "app_secret": SECRET, "accept_encrypted_data": True},
    "kuaishou": {"app_id": "ks000000000000000000", "app_secret": SECRET},
    "xiaohongshu": {"app_id": "60123456789abcdef0123456", "app_secret": SECRET},
    "huawei": {"client_id": "110000001", "client_secret": SECRET},
    "dingtalk": {"client_id": "ding0000", "client_secret": SECRET},
}
OTHER: dict[str, dict[str, Any]] = {
    "wechat": {"app_id": "wx1123456789abcdef"}, "baidu": {"app_key": "b" * 32}, "douyin": {"app_id": "tt1123456789abcdef"},
    "kuaishou": {"app_id": "ks000000000000000001"}, "huawei": {"client_id": "110000002"},
    "dingtalk": {"client_id": "ding0001"}, "xiaohongshu": {"app_id": "70123456789abcdef0123456"},
}  # fmt: skip


def configured(tmp_path, **apps):
    lines = []
    for name, table in apps.items():
        lines.append(f"[apps.{name.replace('_', '-')}]")
        lines += [f"{setting} = {json.dumps(value)}" for setting, value in table.items()]
    path = tmp_path / "haoma.toml"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def keys():
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def certificate(key, days):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    starts = datetime.now(UTC) - timedelta(days=400)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, starts, datetime.now(UTC) + timedelta(days=days))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("platform", TABLES)
def test_a_secret_of_two_apps(platform, doctor, tmp_path):
    """Whatever the platform calls its secret, two apps of it cannot have the same one; it is not printed."""
    table = {"platform": platform, **TABLES[platform]}
    report = doctor("--config", configured(tmp_path, one=table, two={**table, **OTHER[platform]}))
    found = report.one("doctor.secret-shared")
    setting = "client_secret" if "client_secret" in table else "app_secret"
    assert (found["severity"], found["where"]) == ("fault", f"apps.two.{setting}")
    assert SECRET not in report.text


def test_a_secret_of_two_platforms(doctor, tmp_path):
    """A secret that stands at another platform under another name is a mistake as well."""
    apps = {name: {"platform": name, **TABLES[name]} for name in ("baidu", "huawei")}
    assert doctor("--config", configured(tmp_path, **apps)).of("doctor.secret-shared")


def test_what_a_third_party_platform_shares_is_its_own(tmp_path):
    """Merchants of one third-party platform have its secrets in common, and that is no mistake."""
    component = {
        "component_app_id": "wx2222222222222222", "component_app_secret": SECRET, "component_token": "token-of-the-push",
        "component_aes_key": "A" * 43,
    }  # fmt: skip
    apps = {
        name: {"platform": "wechat", "app_id": f"wx{number}123456789abcdef", **component, "authorizer_refresh_token": f"r@{name}"}
        for number, name in enumerate(("one", "two"))
    }  # fmt: skip
    path = configured(tmp_path, **apps)
    settings, known, found = offline.examine(str(path))
    assert settings is not None
    assert {"component_token", "authorizer_refresh_token", "component_aes_key"} <= {each.setting for each in known}
    assert not [each for each in found if each.code == "doctor.secret-shared"]


def test_a_private_key_of_two_apps_of_douyin(doctor, keys, tmp_path):
    """A shared private key is a warning: it works, but one leak is two. A second key of its own is rotation."""
    table = {"platform": "douyin", **TABLES["douyin"], "app_private_key": [pem(keys[0]), pem(keys[1])]}
    other = {**table, "app_id": "tt1123456789abcdef", "app_secret": SECRET[::-1], "app_private_key": pem(keys[1])}
    found = doctor("--config", configured(tmp_path, one=table, two=other)).one("doctor.secret-shared")
    assert (found["severity"], found["where"]) == ("warning", "apps.two.app_private_key")


def test_a_private_key_in_two_formats_is_one_key(doctor, keys, tmp_path):
    """A key in PKCS#8 here and in PKCS#1 there is shared all the same, also between two platforms."""
    first = keys[0].private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    douyin = {"platform": "douyin", **TABLES["douyin"], "app_private_key": first}
    for other in (
        {**douyin, "app_id": "tt1123456789abcdef", "app_secret": SECRET[::-1], "app_private_key": pem(keys[0])},
        alipay(pem(keys[0]), public(keys[1])),
    ):
        found = doctor("--config", configured(tmp_path, one=douyin, two=other)).one("doctor.secret-shared")
        assert (found["severity"], found["where"]) == ("warning", "apps.two.app_private_key")


@pytest.mark.parametrize("owner", ["alipay", "douyin", "wechat"])
def test_the_public_half_of_another_apps_key(owner, doctor, keys, tmp_path):
    """It is as wrong in the place of Alipay's key as that of the app itself, and whose it is is said."""
    owners = {
        "alipay": alipay(pem(keys[0]), public(keys[1])),
        "douyin": {"platform": "douyin", **TABLES["douyin"], "app_private_key": pem(keys[0])},
        "wechat": {
            "platform": "wechat", **TABLES["wechat"], "api_sym_key": "A" * 43 + "=", "api_sym_sn": "fa05fe1e",
            "api_private_key": pem(keys[0]), "api_certificate": certificate(keys[1], 365),
        },
    }  # fmt: skip
    wrong = {
        "platform": "alipay",
        "app_id": "2021000000000001",
        "alipay_public_key": public(keys[0]),
        "aes_key": "B" * 22 + "==",
    }
    report = doctor("--config", configured(tmp_path, shop=wrong, other=owners[owner]))
    found = report.one("config.app-public-key-used")
    setting = "api_private_key" if owner == "wechat" else "app_private_key"
    assert (found["severity"], found["where"]) == ("fault", "apps.shop.alipay_public_key")
    assert found["because"]["pair_of"] == f"apps.other.{setting}"
    right = configured(tmp_path, shop={**wrong, "alipay_public_key": public(keys[1])}, other=owners[owner])
    assert not doctor("--config", right).of("config.app-public-key-used")


def alipay(private_key, public_key):
    return {
        "platform": "alipay", "app_id": "2021000000000000", "alipay_public_key": public_key, "aes_key": "A" * 22 + "==",
        "app_private_key": private_key,
    }  # fmt: skip


def public(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "text, code",
    [
        ("-----BEGIN PUBLIC KEY-----", "config."),
        ("not a key", "config.key-unreadable"),
    ],
)
def test_a_key_of_the_wrong_kind_for_douyin(text, code, keys, doctor, tmp_path):
    """A public key where the private one belongs, and what is no key, are faults with their place."""
    if text.startswith("-----"):
        text = keys[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    path = configured(tmp_path, one={"platform": "douyin", **TABLES["douyin"], "app_private_key": text})
    (found,) = [each for each in doctor("--config", path).found if each["severity"] == "fault"]
    assert found["code"].startswith(code)
    assert found["where"].startswith("apps.one.app_private_key")


@pytest.mark.parametrize("days, code", [(365, "doctor.certificate"), (10, "ends"), (-1, "ends")])
def test_the_certificate_of_wechats_security_mode(days, code, keys, doctor, tmp_path):
    """Its last day is shown, and warned about when it is near or over."""
    report = doctor("--config", secured(tmp_path, keys[0], certificate(keys[1], days)))
    found = report.one("doctor.certificate-of-wechat-ends" if code == "ends" else code)
    assert found["where"] == "apps.one.api_certificate"
    assert found["because"]["until"] == (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    assert (report.exit_code == 0) is (code != "ends")


def test_our_own_key_in_the_place_of_wechats(keys, doctor, tmp_path):
    """The pair that belongs together is ours; WeChat signs with another key."""
    report = doctor("--config", secured(tmp_path, keys[0], certificate(keys[0], 365)))
    assert report.one("doctor.own-key-as-wechats")["severity"] == "fault"


def test_another_apps_key_in_the_place_of_wechats(keys, doctor, tmp_path):
    """A certificate over the key of another app of ours is not WeChat's either."""
    douyin = {"platform": "douyin", **TABLES["douyin"], "app_private_key": pem(keys[1])}
    other = tmp_path / "other"
    other.mkdir()
    path = secured(tmp_path, keys[0], certificate(keys[1], 365))
    path.write_text(path.read_text() + configured(other, two=douyin).read_text())
    found = doctor("--config", path).one("doctor.own-key-as-wechats")
    assert (found["where"], found["because"]) == (
        "apps.one.api_certificate", {"pair_of": "apps.two.app_private_key"},
    )  # fmt: skip


def secured(tmp_path, key, certificate_text):
    return configured(
        tmp_path,
        one={
            "platform": "wechat", **TABLES["wechat"], "api_sym_key": "A" * 43 + "=", "api_sym_sn": "fa05fe1e",
            "api_private_key": pem(key), "api_certificate": certificate_text,
        },
    )  # fmt: skip


@pytest.mark.parametrize("seconds, slow", [(-60, False), (60, False), (3600, True)])
def test_a_clock_that_is_behind_the_files(seconds, slow, doctor, tmp_path):
    """A file that was written later than now gives a slow clock away; it is a guess, and says by how much."""
    path = configured(tmp_path, one={"platform": "wechat", **TABLES["wechat"]})
    os.utime(path, (now() + seconds, now() + seconds))
    found = doctor("--config", path).of("doctor.clock-skew")
    assert bool(found) is slow
    if found:
        assert found[0]["guess"]
        assert abs(found[0]["because"]["seconds"] + seconds) < 5
        assert found[0]["because"]["ahead"] is False


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
def test_an_app_without_logins(platform, keys, tmp_path):
    """A central token server makes the secret needless for tokens, but then nobody can be logged in."""
    table = {
        "platform": platform, "app_id": TABLES[platform]["app_id"], "token": "central",
        "token_url": "https://token.test/", "token_url_key": "a-key-of-the-token-server",
        **({"app_private_key": pem(keys[0])} if platform == "douyin" else {}),
    }  # fmt: skip
    for secret, noted in (({}, True), ({"app_secret": SECRET}, False)):
        _settings, _known, found = offline.examine(str(configured(tmp_path, one={**table, **secret})))
        assert [each.where for each in found if each.code == "doctor.no-login"] == ["apps.one.app_secret"] * noted


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
def test_settings_that_are_unwise_on_both(platform, keys, doctor, tmp_path):
    """A plain token and the session_key flow are warned about, with Douyin as with WeChat."""
    key = {"app_private_key": pem(keys[0])} if platform == "douyin" else {}
    table = {"platform": platform, **TABLES[platform], **key, "token": "plain", "accept_encrypted_data": True}
    assert {"doctor.token-plain", "doctor.encrypted-data-on"} <= doctor(
        "--config", configured(tmp_path, one=table)
    ).wrong


def test_every_platform_has_a_good_configuration(doctor, tmp_path):
    """The tables above are in order by themselves, and there is one for each platform but Alipay."""
    assert TABLES.keys() == PLATFORMS.keys() - {"alipay"}
    for platform, table in TABLES.items():
        path = configured(tmp_path, one={"platform": platform, **table})
        assert doctor("--config", path).wrong <= {"doctor.encrypted-data-on"}, platform
        assert [each.value for each in known_values(path) if each.secret] == [SECRET]


# --- the logs of their clients ---


@pytest.mark.parametrize(
    "line, code, platform",
    [
        ('{"err_no":28001018,"err_tips":"no ability"}', "platform.permission-missing", "douyin"),
        ("err_no=40018, err_tips='bad code'", "platform.login-code-rejected", "douyin"),
        ("error_code: 10013, description: x", "platform.credentials-rejected", "douyin"),
        ("error_code=110 error_msg='Access token invalid'", "platform.token-rejected", "baidu"),
        ('"errno":10010100,"error":"parameter is invalid"', "platform.request-rejected", "baidu"),
        ("resultCode: 60180004", "platform.code-rejected", "huawei"),
        ("{sub_error:20152,error_description:invalid code,error:1101}", "platform.code-rejected", "huawei"),
        ("GOpen.User.getInfo answered NSP_STATUS: 403", "platform.permission-missing", "huawei"),
        ('"msg":"应用访问令牌不匹配","code":410101', "platform.token-rejected", "xiaohongshu"),
        ("{'result': 100200101}", "platform.credentials-rejected", "kuaishou"),
        ("code=Forbidden.AccessDenied.QpsLimitForApi", "platform.rate-limited", "dingtalk"),
        ("errcode: 60011", "platform.permission-missing", "dingtalk"),
        ("errcode: 40164", "platform.ip-not-allowed", "wechat"),
    ],
)
def test_a_line_of_a_log(line, code, platform, inspect):
    """The codes of every platform are recognised in a log, and whose they are."""
    sent = f"2026-11-21 14:21:14 ERROR login failed {line}\n"
    report = inspect(sent, configured=False)
    assert report.whole["is"] == "log"
    assert report.found[0]["code"] == code
    assert report.found[0]["page"]
    from haoma import catalogue

    native = report.found[0]["because"]["platform_code"]
    assert native in {name.partition("@")[0] for name in catalogue.refusals(platform)}
    storm = inspect(sent * 5, configured=False).codes
    hopeless = ("permission-missing", "credentials-rejected", "rate-limited", "ip-not-allowed")
    assert ("doctor.retry-storm" in storm) is code.endswith(hopeless)


def test_a_log_without_any_code(inspect):
    """Numbers that only look like codes are none."""
    for sent in ("ERROR result: 7 errno=2 No such file", "error_code: 404", "InvalidAuthenticationTag raised"):
        assert inspect(sent, configured=False).codes == {"doctor.unrecognised"}
