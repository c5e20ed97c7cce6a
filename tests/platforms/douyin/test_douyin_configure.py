"""Douyin's settings."""

from __future__ import annotations

from typing import Any

import pytest

from haoma.crypto.keys import parse_private_key, same_key
from haoma.platforms.base.table import Table
from haoma.platforms.douyin import DOUYIN
from haoma.platforms.registry import PLATFORMS
from support.douyin import APP_ID, KEY, OTHER_KEY, SECRET, configured

GOOD = {"app_id": APP_ID, "app_secret": SECRET, "app_private_key": KEY}


def _faults(**settings: Any) -> list[tuple[str, str]]:
    table = Table("shop", {"platform": "douyin", **settings}, now=0)
    app = DOUYIN.configure(table)
    assert (app is None) == table.broken
    assert not any(secret in str(fault) for fault in table.faults for secret in (SECRET, KEY[:40]))
    return [(fault.code, fault.where.removeprefix("apps.shop.")) for fault in table.faults]


def test_the_smallest_app() -> None:
    """App id, secret and private key are enough; encrypted data is not accepted and the token is stable."""
    app = configured()
    assert (app.issuer, app.accept_encrypted_data) == ("stable", False)
    assert app.upstreams == ("https://open.douyin.com", "https://developer.toutiao.com")
    assert SECRET not in repr(app)
    assert "RSA" not in repr(app)
    assert PLATFORMS["douyin"] is DOUYIN


@pytest.mark.parametrize(
    ("settings", "upstreams"),
    [
        ({"api_base_url": "https://open-sandbox.douyin.com/"}, ("https://open-sandbox.douyin.com",)),
        ({"login_base_url": "https://b.example.com"}, ("https://open.douyin.com", "https://b.example.com")),
        (
            {"api_base_url": "https://a.example.com", "login_base_url": "https://b.example.com"},
            ("https://a.example.com", "https://b.example.com"),
        ),
    ],
)
def test_the_login_follows_the_api(settings: dict[str, str], upstreams: tuple[str, ...]) -> None:
    """A proxy or sandbox in place of the one host takes the other's place too, unless that is given as well."""
    assert configured(**settings).upstreams == upstreams


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"app_id": None}, ("config.missing-setting", "app_id")),
        ({"app_id": "wx4f4bc4dec97d474b"}, ("config.app-id-shape", "app_id")),
        ({"app_secret": None}, ("config.missing-setting", "app_secret")),
        ({"app_private_key": None}, ("config.missing-setting", "app_private_key")),
        ({"app_private_key": []}, ("config.empty-value", "app_private_key")),
        ({"app_private_key": "-----BEGIN"}, ("config.key-unreadable", "app_private_key")),
        ({"app_private_key": 5}, ("config.wrong-type", "app_private_key")),
        ({"token": "forced"}, ("config.wrong-type", "token")),
        ({"accept_encrypted_data": "yes"}, ("config.wrong-type", "accept_encrypted_data")),
        ({"token_source": "func"}, ("config.wrong-type", "token_source")),
        ({"check_encrypted_message": True}, ("config.unknown-setting", "check_encrypted_message")),
        ({"token_url": "https://t.example.com"}, ("config.setting-without-effect", "token_url")),
        ({"api_base_url": "http://a.example.com", "login_base_url": "https://b.example.com"}, ("config.insecure-upstream", "api_base_url")),
        ({"login_base_url": "http://b.example.com"}, ("config.insecure-upstream", "login_base_url")),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_setting(change: dict[str, Any], fault: tuple[str, str]) -> None:
    """Each fault names the setting that it is in."""
    settings = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    assert _faults(**settings) == [fault]


def test_two_private_keys_are_kept_in_order() -> None:
    """During a change both keys are there, in the order in which they are written."""
    keys = configured(app_private_key=[OTHER_KEY, KEY]).private_keys
    wanted = [parse_private_key(each).public_key() for each in (OTHER_KEY, KEY)]
    assert all(same_key(key.public_key(), each) for key, each in zip(keys, wanted, strict=True))


def test_a_central_server_needs_address_and_key() -> None:
    """Without an address there is nowhere to ask; without a key anybody could."""
    usual = {"app_id": APP_ID, "app_private_key": KEY, "token": "central"}
    assert _faults(**usual) == [("config.missing-setting", "token_url")]
    where = {"token_url": "https://tokens.example.com/dy"}
    assert _faults(**usual, **where) == [("config.missing-setting", "token_url_key")]
    assert not _faults(**usual, **where, token_url_key="central-key")


def test_what_is_not_needed_is_not_asked_for() -> None:
    """Without the code flow no private key; with tokens from elsewhere the secret is for logins alone."""
    assert not _faults(app_id=APP_ID, app_secret=SECRET, accept_encrypted_data=True)
    source = {"app_id": APP_ID, "app_private_key": KEY, "token_source": lambda _app, _rejected: "token-of-mine"}
    assert not _faults(**source)
    assert _faults(**source, accept_encrypted_data=True) == [("config.missing-setting", "app_secret")]


def test_a_ciphertext_is_remembered_for_longer_than_a_session() -> None:
    """As age is not judged, the ledger is what keeps a ciphertext from coming twice."""
    assert configured(accept_encrypted_data=True, session_seconds=86_400).policy.code_seconds == 2 * 86_400
    assert configured(accept_encrypted_data=True, session_seconds=60).policy.code_seconds == 600
    assert configured(session_seconds=86_400).policy.code_seconds == 600
