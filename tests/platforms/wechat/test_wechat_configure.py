"""WeChat's settings."""

from __future__ import annotations

from typing import Any

import pytest

from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.platforms.wechat import WECHAT
from support.wechat import APP_ID, SECRET, configured


def _faults(**settings: Any) -> list[tuple[str, str]]:
    table = Table("shop", {"platform": "wechat", **settings}, now=0)
    app = WECHAT.configure(table)
    assert (app is None) == table.broken
    return [(fault.code, fault.where.removeprefix("apps.shop.")) for fault in table.faults]


def test_the_smallest_app() -> None:
    """App id and secret are enough; encrypted data is not accepted and the token is stable."""
    app = configured()
    assert (app.issuer, app.accept_encrypted_data, app.check_encrypted_message) == ("stable", False, False)
    assert app.upstreams == ("https://api.weixin.qq.com",)
    assert SECRET not in repr(app)
    assert PLATFORMS["wechat"] is WECHAT


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"app_secret": SECRET}, ("config.missing-setting", "app_id")),
        ({"app_id": APP_ID}, ("config.missing-setting", "app_secret")),
        ({"app_id": "2021000000000000", "app_secret": SECRET}, ("config.app-id-shape", "app_id")),
        ({"app_id": APP_ID, "app_secret": SECRET, "token": "forced"}, ("config.wrong-type", "token")),
        ({"app_id": APP_ID, "app_secret": SECRET, "accept_encrypted_data": "yes"}, ("config.wrong-type", "accept_encrypted_data")),
        ({"app_id": APP_ID, "app_secret": SECRET, "encrypted_hash": "md5"}, ("config.wrong-type", "encrypted_hash")),
        ({"app_id": APP_ID, "app_secret": SECRET, "token_source": "func"}, ("config.wrong-type", "token_source")),
        ({"app_id": APP_ID, "app_secret": SECRET, "aes_key": "x"}, ("config.unknown-setting", "aes_key")),
        ({"app_id": APP_ID, "app_secret": SECRET, "token_url": "https://t.example.com"}, ("config.setting-without-effect", "token_url")),
        (
            {"app_id": APP_ID, "app_secret": SECRET, "api_base_url": "http://wx.example.com"},
            ("config.insecure-upstream", "api_base_url"),
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_setting(settings: dict[str, Any], fault: tuple[str, str]) -> None:
    """Each fault names the setting that it is in."""
    assert _faults(**settings) == [fault]


def test_a_merchant_is_not_its_platform() -> None:
    """The id of the third-party platform in the place of the merchant's is found."""
    component = {
        "component_app_id": APP_ID, "component_app_secret": SECRET, "component_token": "token-of-the-push",
        "component_aes_key": "A" * 43,
    }  # fmt: skip
    assert _faults(app_id=APP_ID, **component) == [("config.app-ids-conflict", "component_app_id")]
    assert not _faults(app_id="wx1111111111111111", **component)


def test_a_central_server_needs_address_and_key() -> None:
    """Without an address there is nowhere to ask; without a key anybody could."""
    assert _faults(app_id=APP_ID, token="central") == [("config.missing-setting", "token_url")]
    where = {"token_url": "https://tokens.example.com/wx"}
    assert _faults(app_id=APP_ID, token="central", **where) == [("config.missing-setting", "token_url_key")]
    assert not _faults(app_id=APP_ID, token="central", **where, token_url_key="central-key")


def test_without_a_secret_nobody_logs_in() -> None:
    """With tokens from elsewhere the secret is only needed for logins, and for the session_key flow."""
    source = {"app_id": APP_ID, "token_source": lambda _app, _rejected: "token-of-mine"}
    assert not _faults(**source)
    assert _faults(**source, accept_encrypted_data=True) == [("config.missing-setting", "app_secret")]


def test_pushes_of_its_own() -> None:
    """A token and a key go together; without the key they are in plain text, which warns and erases nothing."""
    own = {"app_id": APP_ID, "app_secret": SECRET}
    sealed = {**own, "push_token": "token-of-the-push", "push_aes_key": "A" * 43}
    assert not _faults(**sealed)
    assert not _faults(**sealed, on_withdrawn="erase")
    assert _faults(**own, push_aes_key="A" * 43) == [("config.missing-setting", "push_token")]
    assert _faults(**{**sealed, "push_aes_key": ["A" * 43, "A" * 42]}) == [("config.component-aes-key", "push_aes_key")]
    plain = {**own, "push_token": "token-of-the-push"}
    table = Table("shop", plain, now=0.0)
    assert WECHAT.configure(table) is not None
    assert [(fault.code, fault.warning) for fault in table.faults] == [("config.plain-pushes", True)]
    assert _faults(**plain, on_withdrawn="erase")[-1] == ("config.missing-setting", "push_aes_key")
    assert _faults(**sealed, on_withdrawn="delete") == [("config.wrong-type", "on_withdrawn")]


def test_a_merchant_has_no_pushes_of_its_own() -> None:
    """WeChat pushes what concerns a merchant to the third-party platform."""
    component = {
        "component_app_id": "wx1111111111111111", "component_app_secret": SECRET, "component_token": "token",
        "component_aes_key": "A" * 43,
    }  # fmt: skip
    faults = _faults(app_id=APP_ID, **component, push_token="token-of-the-push")
    assert faults == [("config.setting-without-effect", "push_token")]
