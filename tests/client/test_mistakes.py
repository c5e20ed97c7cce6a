"""A programmer's mistakes: one line that says what to write instead, and apps that must not stand side by side."""

import base64
import itertools
from typing import Any

import pytest

import haoma
from haoma import errors
from haoma.authorize import authorize, log_in, take_push, verify_offline, verify_with_session_key
from haoma.client import AsyncClient, Client
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import configure, from_mapping, load
from haoma.verified import CheckName
from support.vector_cases import cases

SHOP = next(case for case in cases("alipay") if case.name == "alipay/success-mainland")
VALUES = {name: value for name, value in SHOP.app.items() if name != "platform"}
WECHAT: dict[str, Any] = {"app_id": "wx0123456789abcdef", "app_secret": "01" * 16}
BOTH = pytest.mark.parametrize("cls", [Client, AsyncClient])


def alipay(name, **changed):
    return configure("alipay", name=name, **{**VALUES, **changed})


@BOTH
@pytest.mark.parametrize(
    "apps", ["haoma.toml", b"haoma.toml", {"apps": {}}, None, ["haoma.toml"], [SHOP.app], 7, object]
)
def test_what_is_no_app(cls, apps):
    """A client that is made of something else says of what to make it."""
    with pytest.raises(errors.WrongArgument) as caught:
        cls(apps)
    assert caught.value.because["argument"] == "apps"
    assert cls.__name__ in str(caught.value.because["instead"])
    if apps == "haoma.toml":
        assert caught.value.because["instead"] == f'{cls.__name__}.from_file("haoma.toml")'
    assert "\n" not in str(caught.value)


@BOTH
def test_a_path_instead_of_an_app(cls, tmp_path):
    """The same for a path."""
    with pytest.raises(errors.WrongArgument, match="from_file"):
        cls(tmp_path / "haoma.toml")


@pytest.mark.parametrize("app", ["alipay", None, "shop", {"platform": "alipay"}, configure])
def test_a_name_instead_of_an_app(app):
    """The functions that take an app say how to get one."""
    for call in (
        lambda: verify_offline(app, SHOP.sent),
        lambda: verify_with_session_key(app, SHOP.sent, "key", now=0.0),
        lambda: next(authorize(app, SHOP.sent, now=0.0)),
        lambda: next(log_in(app, SHOP.sent, now=0.0)),
        lambda: next(take_push(app, {}, b"", now=0.0)),
    ):
        with pytest.raises(errors.WrongArgument) as caught:
            call()
        assert caught.value.because["argument"] == "app"
        assert "haoma.configure(" in str(caught.value.because["instead"])


def test_swapped_arguments():
    """The body in the place of the app is told apart from a name that no app has."""
    with Client(alipay("shop")) as client:
        others: tuple[Any, ...] = ({"response": "x"}, SHOP.sent, SHOP.sent.decode(), '"x"', None, 7, [], object())
        for app in others:
            with pytest.raises(errors.WrongArgument) as caught:
                client.get_phone_number(app, "shop")
            assert caught.value.because["argument"] == "app"
            with pytest.raises(errors.WrongArgument):
                client.log_in(app, "shop")
        with pytest.raises(haoma.errors.NoSuchApp):
            client.get_phone_number("shopp", SHOP.sent)


@pytest.mark.parametrize(
    "asked, nearest",
    [("weixin", "wechat"), ("wx", "wechat"), ("WeChat", "wechat"), ("wechta", "wechat"), ("微信", "wechat"),
     ("zhifubao", "alipay"), ("Alipay", "alipay"), ("alipya", "alipay"), ("支付宝", "alipay"), ("tt", "douyin"),
     ("抖音", "douyin"), ("swan", "baidu"), ("ks", "kuaishou"), ("xhs", "xiaohongshu"), ("小红书", "xiaohongshu"), ("华为", "huawei"), ("dingding", "dingtalk"), ("fax", "")],
)  # fmt: skip
def test_a_platform_by_another_name(asked, nearest):
    """The fault names the platform that was meant."""
    with pytest.raises(haoma.ConfigFaults) as caught:
        configure(asked)
    [fault] = caught.value.faults
    assert (fault.code, fault.because.get("nearest", "")) == ("config.unknown-platform", nearest)


@pytest.mark.parametrize("platform", [None, 7, [], {}, alipay])
def test_what_is_no_platform(platform):
    """The fault of a platform that is no text shows its type."""
    with pytest.raises(haoma.ConfigFaults) as caught:
        configure(platform)
    assert [(each.code, each.where) for each in caught.value.faults] in (
        [("config.unknown-platform", "apps.app.platform")], [("config.missing-setting", "apps.app.platform")],
    )  # fmt: skip


@pytest.mark.parametrize("setting", ["app_id", "app_secret", "require", "session_seconds", "colour"])
def test_none_is_no_value(setting):
    """None, which a variable that is not set gives, is a fault of that setting, whichever it is."""
    with pytest.raises(haoma.ConfigFaults) as caught:
        configure("wechat", **{**WECHAT, setting: None})
    # A name that is no setting may be a secret in the wrong place: it is not repeated.
    where = "apps.wechat" if setting == "colour" else f"apps.wechat.{setting}"
    assert ("config.empty-value", where) in [(each.code, each.where) for each in caught.value.faults]
    with pytest.raises(haoma.ConfigFaults):
        configure("alipay", **{**VALUES, "aes_key": [VALUES["aes_key"], None]})


def test_only_faults_are_counted():
    """Warnings stand behind the faults, and are counted as what they are."""
    with pytest.raises(haoma.ConfigFaults) as caught:
        from_mapping({"allow_insecure_upstreams": True, "apps": {"a": {"platform": "wechat", **WECHAT, "colour": 1}}})
    lines = str(caught.value).splitlines()
    assert [line for line in lines if line.endswith(":")] == ["1 fault(s) in the configuration:", "1 warning(s):"]
    assert "config.unknown-setting" in lines[1]
    assert "config.insecure-upstreams-allowed" in lines[3]
    with pytest.raises(haoma.ConfigFaults) as caught:
        configure("wechat", **WECHAT, colour=1)
    assert "warning(s)" not in str(caught.value)


def test_a_check_that_is_never_proven():
    """`require` of what no way of the platform proves would refuse everybody: a fault, and no surprise later."""
    for platform, values in (("alipay", VALUES), ("wechat", WECHAT)):
        for check in CheckName:
            provable = any(
                each.proven for way in PLATFORMS[platform].methods for each in way.checks if each.name == check
            )
            if provable:
                assert configure(platform, **values, require=[check.value]).policy.require == {check}
                continue
            with pytest.raises(haoma.ConfigFaults) as caught:
                configure(platform, **values, require=[check.value])
            [fault] = caught.value.faults
            assert (fault.code, fault.because) == ("config.never-proven", {"check": check.value})


# --- apps side by side ---


def codes_of(faults):
    return sorted((each.code, each.where) for each in faults)


@BOTH
def test_what_a_file_refuses_python_refuses(cls, tmp_path):
    """Two apps with one content key, given to a client, are the faults of a file with the same content."""
    other = {"app_id": "2021000000000001"}
    tables = {"one": SHOP.app, "two": {**SHOP.app, **other}}
    with pytest.raises(haoma.ConfigFaults) as in_a_file:
        from_mapping({"apps": tables})
    with pytest.raises(haoma.ConfigFaults) as in_python:
        cls([alipay("one"), alipay("two", **other)])
    assert codes_of(in_python.value.faults) == codes_of(in_a_file.value.faults)
    assert codes_of(in_python.value.faults) == [
        ("config.shared-aes-key", "apps.one.aes_key"), ("config.shared-aes-key", "apps.two.aes_key"),
    ]  # fmt: skip
    another = base64.b64encode(b"another aes key!").decode()
    assert set(cls([alipay("one"), alipay("two", **other, aes_key=another)]).apps) == {"one", "two"}
    with pytest.raises(haoma.ConfigFaults):  # one of several keys is enough
        cls([alipay("one"), alipay("two", **other, aes_key=[another, VALUES["aes_key"]])])


@BOTH
def test_one_app_id_twice_warns_as_in_a_file(cls):
    """What is a warning in a file is one here."""
    with pytest.warns(haoma.HaomaWarning, match="duplicate-app-id"):
        cls([configure("wechat", name="a", **WECHAT), configure("wechat", name="b", **WECHAT)])


@BOTH
def test_two_apps_of_one_name(cls):
    """Neither wins."""
    apps = [configure("wechat", **WECHAT), configure("wechat", **{**WECHAT, "app_id": "wx0123456789abcde0"})]
    with pytest.raises(haoma.ConfigFaults) as caught:
        cls(apps)
    assert codes_of(caught.value.faults) == [("config.same-name-twice", "apps.wechat")]
    for one, two in itertools.permutations((alipay("shop"), configure("wechat", name="shop", **WECHAT))):
        with pytest.raises(haoma.ConfigFaults):
            cls([one, two])


def test_the_default_name_is_the_platforms():
    """Apps of two platforms need no names."""
    apps = [configure("alipay", **VALUES), configure("wechat", **WECHAT)]
    assert list(Client(apps).apps) == ["alipay", "wechat"]
    assert configure("wechat", name="mini", **WECHAT).name == "mini"


def test_an_app_that_the_client_was_not_made_with():
    """It is compared with the others as well; the same app, configured anew, is taken."""
    with Client(alipay("one")) as client:
        for stranger, code in (
            (alipay("two", app_id="2021000000000001"), "config.shared-aes-key"),
            (configure("wechat", name="one", **WECHAT), "config.same-name-twice"),
        ):
            with pytest.raises(haoma.ConfigFaults) as caught:
                client.get_phone_number(stranger, SHOP.sent)
            assert {each.code for each in caught.value.faults} == {code}
        assert client.get_phone_number(alipay("one"), SHOP.sent).e164 == SHOP.phone_number
    with Client([]) as client:
        assert client.get_phone_number(alipay("one"), SHOP.sent).e164 == SHOP.phone_number
        with pytest.raises(haoma.ConfigFaults):
            client.get_phone_number(alipay("two", app_id="2021000000000001"), SHOP.sent)


def test_settings_are_still_taken(tmp_path):
    """A client is made of settings, of an app, or of apps, whatever holds them."""
    path = tmp_path / "haoma.toml"
    path.write_text((SHOP.path / "app.toml").read_text("utf-8"), "utf-8")
    app = alipay("shop")
    for apps in (load(path), app, [app], (app,), iter([app]), {"any": app}.values()):
        assert list(Client(apps).apps) == ["shop"]
