"""The table `[accounts]`: which keys keep numbers, who unwraps them, and what is wrong with them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from haoma.errors import ConfigFaults
from haoma.settings.model import Settings
from haoma.settings.reader import from_mapping, load
from haoma.store.keys.config import AccountSettings, Vault, WrappedKey
from haoma.store.sealing import StoreKey

NOW = 1_780_000_000.0
APPS = {"shop": {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0123456789abcdef" * 2}}
WRAPPED = "vault:v2:" + base64.b64encode(b"w" * 60).decode()
TOKEN = "hvs.a-token-of-vault"


def key(number: int, letter: str) -> str:
    """A key as it stands in the settings."""
    return f"{number}:{base64.b64encode(letter.encode() * 32).decode()}"


STORE = {"database_url": "sqlite:///haoma.db", "keys": [key(1, "s")]}
KEYS = {"keys": [key(2, "n"), key(1, "o")], "peppers": [key(1, "p")], "audit_keys": key(1, "a")}
VAULT = {"address": "https://vault.example:8200/", "token": TOKEN, "key": "haoma"}


def read(accounts: object, **more: Any) -> Settings:
    """The settings with this table."""
    return from_mapping({"apps": APPS, "store": STORE, "accounts": accounts, **more}, environ={}, now=NOW)


def faults(accounts: object, **more: Any) -> list[tuple[str, str]]:
    """The faults of this table, of which none repeats a key or the token."""
    with pytest.raises(ConfigFaults) as caught:
        read(accounts, **more)
    listed = [fault for fault in caught.value.faults if not fault.warning]
    shown = "".join(f"{fault} {fault!r} {fault.because}" for fault in listed)
    for secret in (TOKEN, WRAPPED, *(text.partition(":")[2] for text in (key(1, letter) for letter in "snopa"))):
        assert secret not in shown
    return [(fault.code.removeprefix("config."), fault.where) for fault in listed]


def test_what_is_read() -> None:
    """Keys in their order, days as seconds; without the table nothing is kept."""
    assert read(KEYS).accounts == AccountSettings(
        keys=(StoreKey(2, b"n" * 32), StoreKey(1, b"o" * 32)),
        peppers=(StoreKey(1, b"p" * 32),),
        audit_keys=(StoreKey(1, b"a" * 32),),
        stale_after=180 * 86_400.0,
        on_stale="review",
    )
    changed = read({**KEYS, "stale_after": 30, "on_stale": "reject"}).accounts
    assert changed is not None
    assert (changed.stale_after, changed.on_stale) == (30 * 86_400.0, "reject")
    assert from_mapping({"apps": APPS, "store": STORE}, environ={}, now=NOW).accounts is None


def test_keys_of_a_vault() -> None:
    """A wrapped key may stand beside one in clear: so keys move into a Vault, one at a time."""
    found = read({**KEYS, "keys": [f"3:{WRAPPED}", key(2, "n")], "vault": VAULT}).accounts
    assert found is not None
    assert found.keys == (WrappedKey(3, WRAPPED), StoreKey(2, b"n" * 32))
    assert found.vault is not None
    assert (found.vault.address, found.vault.key, found.vault.mount) == (
        "https://vault.example:8200",
        "haoma",
        "transit",
    )
    assert found.vault.token.reveal() == TOKEN
    assert not found.vault.insecure
    for secret in (TOKEN, WRAPPED, "nnnn"):
        assert secret not in repr(found)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8100", "http://localhost:8100", "http://[::1]:8100"])
def test_a_proxy_on_this_machine(address: str) -> None:
    """It takes plain http; any other address does not, unless insecure upstreams are allowed."""
    found = read({**KEYS, "vault": {**VAULT, "address": address}}).accounts
    assert found is not None
    assert found.vault == Vault(address, found.vault.token, "haoma", insecure=True)  # type: ignore[union-attr]
    for other in ("http://127.0.0.1.example", "http://10.0.0.1:8200", "http://localhost.example"):
        far = {**KEYS, "vault": {**VAULT, "address": other}}
        assert faults(far) == [("insecure-upstream", "accounts.vault.address")]
        allowed = read(far, allow_insecure_upstreams=True).accounts
        assert allowed is not None
        assert allowed.vault is not None
        assert allowed.vault.insecure


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({**KEYS, "keys": []}, [("empty-value", "accounts.keys")]),
        ({**KEYS, "keys": "1:AAAA"}, [("bad-store-key", "accounts.keys")]),
        ({**KEYS, "keys": [key(1, "n"), key(1, "o")]}, [("bad-store-key", "accounts.keys")]),
        ({**KEYS, "peppers": [key(0, "p")]}, [("bad-store-key", "accounts.peppers")]),
        ({**KEYS, "audit_keys": "1:vault:v0:" + "A" * 80}, [("bad-store-key", "accounts.audit_keys")]),
        ({**KEYS, "peppers": [key(1, "p"), key(2, "q"), key(3, "r")]}, [("wrong-type", "accounts.peppers")]),
        ({**KEYS, "keys": f"3:{WRAPPED}"}, [("vault-missing", "accounts.keys")]),
        ({**KEYS, "peppers": [key(5, "n")]}, [("key-in-two-places", "accounts.peppers")]),
        ({**KEYS, "audit_keys": [key(9, "s")]}, [("key-in-two-places", "accounts.audit_keys")]),
        ({**KEYS, "stale_after": 0}, [("wrong-type", "accounts.stale_after")]),
        ({**KEYS, "on_stale": "join"}, [("wrong-type", "accounts.on_stale")]),
        ({**KEYS, "pepper": "x"}, [("unknown-setting", "accounts")]),
        ({"keys": KEYS["keys"]}, [("missing-setting", "accounts.peppers"), ("missing-setting", "accounts.audit_keys")]),
        ("yes", [("wrong-type", "accounts")]),
        ({**KEYS, "vault": "https://vault.example"}, [("wrong-type", "accounts.vault")]),
        ({**KEYS, "vault": {}}, [("missing-setting", f"accounts.vault.{name}") for name in ("address", "token", "key")]),
        ({**KEYS, "vault": {**VAULT, "address": "vault"}}, [("bad-url", "accounts.vault.address")]),
        ({**KEYS, "vault": {**VAULT, "key": "a/../b"}}, [("wrong-type", "accounts.vault.key")]),
        ({**KEYS, "vault": {**VAULT, "mount": "a?b"}}, [("wrong-type", "accounts.vault.mount")]),
        ({**KEYS, "vault": {**VAULT, "token": "two\nlines"}}, [("wrong-type", "accounts.vault.token")]),
        ({**KEYS, "vault": {**VAULT, "tokens": TOKEN}}, [("unknown-setting", "accounts.vault")]),
        ({**KEYS, "vault": {**VAULT, "ca_file": "absent.pem"}}, [("file-unreadable", "accounts.vault.ca_file")]),
    ],
)  # fmt: skip
def test_what_is_wrong(table: object, expected: list[tuple[str, str]]) -> None:
    """Each fault once, at its setting; no key is repeated."""
    assert faults(table) == expected


@pytest.mark.parametrize("store", [None, {"database_url": "memory"}])
def test_accounts_need_a_database(store: object) -> None:
    """Nobody becomes a keeper of numbers in a file that the service made for itself, or in memory."""
    more = {} if store is None else {"store": store}
    values = {"apps": APPS, "accounts": KEYS, **more}
    with pytest.raises(ConfigFaults) as caught:
        from_mapping(values, environ={}, now=NOW)
    assert [fault.code for fault in caught.value.faults if not fault.warning] == ["config.accounts-without-store"]


def test_lines_and_secrets_elsewhere(tmp_path: Path) -> None:
    """A fault says its line, also in the table of the Vault; keys and token may be in files and in the environment."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    text = (
        f'[store]\ndatabase_url = "sqlite:///haoma.db"\nkeys = "{key(1, "s")}"\n'
        f'[accounts]\nkeys = [{{ env = "K" }}]\npeppers = "{key(1, "p")}"\naudit_keys = {{ env = "A" }}\n'
        '[accounts.vault]\naddress = "https://vault.example"\ntoken = { file = "token" }\nkey = "k"\n'
        '[apps.shop]\nplatform = "wechat"\napp_id = "wx0123456789abcdef"\napp_secret = "0123456789abcdef0123456789abcdef"\n'
    )
    path = tmp_path / "haoma.toml"
    path.write_text(text)
    environ = {"K": key(7, "n"), "A": key(1, "a")}
    found = load(path, environ=environ, now=NOW).accounts
    assert found is not None
    assert found.keys == (StoreKey(7, b"n" * 32),)
    assert found.vault is not None
    assert found.vault.token.reveal() == TOKEN
    path.write_text(text.replace('key = "k"', 'key = "/"'))
    with pytest.raises(ConfigFaults) as caught:
        load(path, environ=environ, now=NOW)
    assert [(fault.where, fault.line) for fault in caught.value.faults] == [("accounts.vault.key", 11)]
