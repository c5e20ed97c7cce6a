"""Keys in Vault or OpenBao: made and opened there, opened once in a process, and never told to anybody."""

from __future__ import annotations

import base64
import json
import logging
import os
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from haoma.errors import ConfigFaults
from haoma.secret import Secret
from haoma.settings.reader import from_mapping
from haoma.store.keys.config import AccountSettings
from haoma.store.keys.config import Vault as Configured
from haoma.store.keys.unwrapping import account_keys
from haoma.store.keys.vault import new_wrapped_key
from haoma.store.sealing import StoreKey
from support.vault import TOO_OLD, Vault

APPS = {"shop": {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0123456789abcdef" * 2}}
SECRET = os.urandom(32)


def clear(number: int) -> str:
    return f"{number}:{base64.b64encode(os.urandom(32)).decode()}"


STORE = {"database_url": "sqlite:///haoma.db", "keys": clear(1)}


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Vault() as running:
        yield running


def settings(vault: Vault, *wrapped: str, top: dict[str, Any] | None = None, **more: object) -> AccountSettings:
    """The settings of a haoma.toml with wrapped keys, numbered from 2 on."""
    keys = [f"{number}:{text}" for number, text in enumerate(wrapped, 2)]
    accounts = {"keys": [*keys, clear(1)], "peppers": clear(1), "audit_keys": clear(1), "vault": vault.settings(**more)}
    found = from_mapping({"apps": APPS, "store": STORE, "accounts": accounts, **(top or {})}, environ={}).accounts
    assert found is not None
    return found


def refusal(work: Callable[[], object], vault: Vault, *secrets: str) -> dict[str, object]:
    """Why it was refused; neither the token nor a key is in it, nor in what an error tracker would get."""
    with pytest.raises(ConfigFaults) as caught:
        work()
    (fault,) = caught.value.faults
    assert (fault.code, fault.where) == ("config.vault-refused", "accounts.vault")
    told = f"{caught.value} {caught.value!r} {fault!r} {fault.because} {fault.explain('zh')} {fault.explain('en')}"
    for secret in (vault.token, *secrets, base64.b64encode(SECRET).decode()):
        assert secret not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return dict(fault.because)


def test_a_key_is_made_wrapped_and_opened_there(vault: Vault) -> None:
    """What stands in haoma.toml is of no use without the Vault; the key is never sent when it is made."""
    wrapped = new_wrapped_key(settings(vault).vault)  # type: ignore[arg-type]
    assert wrapped.startswith("vault:v1:")
    assert vault.asked == ["POST /v1/transit/datakey/wrapped/haoma"]
    first, again = account_keys(settings(vault, wrapped)), account_keys(settings(vault, wrapped))
    assert first.keys[0] == again.keys[0]
    assert (first.keys[0].number, len(first.keys[0].secret)) == (2, 32)
    assert vault.asked[1:] == ["POST /v1/transit/decrypt/haoma"]


def test_keys_are_what_was_wrapped(vault: Vault) -> None:
    """In their order, under every version of the Vault's own key."""
    before = vault.wrap(SECRET)
    vault.rotate()
    after = vault.wrap(b"n" * 32)
    assert after.startswith("vault:v2:")
    found = account_keys(settings(vault, after, before))
    assert found.keys[:2] == (StoreKey(2, b"n" * 32), StoreKey(3, SECRET))
    assert [key.number for key in found.keys] == [2, 3, 1]
    assert "nnnn" not in repr(found)


def test_another_mount_and_name() -> None:
    """Engines may be mounted anywhere."""
    with Vault(name="numbers.v2", mount="secret/china-north") as vault:
        found = settings(vault, vault.wrap(SECRET))
        assert account_keys(found).keys[0].secret == SECRET
        assert vault.asked == ["POST /v1/secret/china-north/decrypt/numbers.v2"]


def test_an_outage_stops_no_process_that_runs(vault: Vault) -> None:
    """A reload, and another tenant, find the keys that are open; only what is new needs the Vault."""
    wrapped, more = vault.wrap(SECRET), vault.wrap(b"m" * 32)
    configured = settings(vault, wrapped)
    assert account_keys(configured).keys[0].secret == SECRET
    added = settings(vault, wrapped, more)
    vault.sealed = True
    assert account_keys(settings(vault, wrapped)).keys[0].secret == SECRET
    assert refusal(lambda: account_keys(added), vault) == {"status": 503, "says": "Vault is sealed"}
    vault.stop()
    assert account_keys(configured).keys[0].secret == SECRET
    assert refusal(lambda: account_keys(added), vault) == {"reason": "outside.connect-failed"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda vault: setattr(vault, "token", "another"), {"status": 403, "says": "permission denied"}),
        (lambda vault: setattr(vault, "name", "other"), {"status": 400, "says": "encryption key not found"}),
        (lambda vault: setattr(vault, "least", 2), {"status": 400, "says": TOO_OLD}),
        (lambda vault: setattr(vault, "standby", True), {"status": 307}),
        (lambda vault: setattr(vault, "garbage", b"<html>"), {"status": 200}),
        (lambda vault: setattr(vault, "garbage", b'{"data": []}'), {"status": 200}),
        (lambda vault: setattr(vault, "garbage", b'{"data": {"plaintext": "AAAA"}}'), {"reason": "not a key of 32 bytes"}),
        (lambda vault: setattr(vault, "garbage", b'{"data": {"plaintext": "%%"}}'), {"reason": "not a key of 32 bytes"}),
        (lambda vault: setattr(vault, "garbage", b'{"data": {"plaintext": 5}}'), {"status": 200}),
        (lambda vault: setattr(vault, "garbage", b'{"errors": "no"}'), {"status": 200}),
        (lambda vault: setattr(vault, "garbage", b'{"errors": [5, "no", "way"]}'), {"status": 200, "says": "no, way"}),
        (lambda vault: setattr(vault, "garbage", b"x" * 70_000), {"reason": "outside.reply-too-large"}),
    ],
)  # fmt: skip
def test_the_reason_is_told(vault: Vault, change: Callable[[Vault], None], expected: dict[str, object]) -> None:
    """And nothing else: no token, no key."""
    wrapped = vault.wrap(SECRET)
    configured = settings(vault, wrapped)
    change(vault)
    assert refusal(lambda: account_keys(configured), vault, wrapped) == expected


def test_an_error_that_holds_a_key_is_an_error(vault: Vault) -> None:
    """The status counts, whatever the body says."""
    configured = settings(vault, vault.wrap(SECRET))
    vault.sealed = True
    vault.garbage = f'{{"data": {{"plaintext": "{base64.b64encode(SECRET).decode()}"}}}}'.encode()
    assert refusal(lambda: account_keys(configured), vault) == {"status": 503}


@pytest.mark.parametrize("ciphertext", ["", "vault:v1:", "azure:v1:AAAA", "vault:v1:AAAA\nvault:v2:AAAA"])
def test_a_key_that_no_setting_could_be(vault: Vault, ciphertext: str) -> None:
    """What is printed for haoma.toml can be read there."""
    vault.garbage = json.dumps({"data": {"ciphertext": ciphertext}}).encode()
    found = refusal(lambda: new_wrapped_key(settings(vault).vault), vault)  # type: ignore[arg-type]
    assert found == {"reason": "not a wrapped key"}


def test_a_route_that_is_not_there(vault: Vault) -> None:
    """Without the engine, or with a policy that does not allow it."""
    wrapped = vault.wrap(SECRET)
    elsewhere = settings(vault, wrapped, mount="transit2")
    assert refusal(lambda: account_keys(elsewhere), vault)["status"] == 404
    vault.may = {"decrypt"}
    found = refusal(lambda: new_wrapped_key(settings(vault).vault), vault)  # type: ignore[arg-type]
    assert found["status"] == 403
    assert "permission denied" in str(found["says"])


def test_what_a_vault_echoes_is_not_repeated(vault: Vault) -> None:
    """If it quotes the token or the key in its error, they are masked."""
    wrapped = vault.wrap(SECRET)
    configured = settings(vault, wrapped)
    vault.garbage = f'{{"errors": ["bad token {vault.token} for {wrapped}"]}}'.encode()
    assert refusal(lambda: account_keys(configured), vault, wrapped)["says"] == "bad token *** for ***"


def test_no_log_line_has_a_secret(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    """At any level."""
    wrapped = vault.wrap(SECRET)
    with caplog.at_level(logging.DEBUG):
        account_keys(settings(vault, wrapped))
    for secret in (vault.token, wrapped):
        assert secret not in caplog.text


def test_tls_is_verified(tmp_path: Path) -> None:
    """Against the authorities of `ca_file`, of this table or of the top, and the system's otherwise."""
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    good, bad = str(tmp_path / "ca.pem"), str(tmp_path / "other.pem")
    authority.cert_pem.write_to_path(good)
    other.cert_pem.write_to_path(bad)
    with Vault(tls=context) as vault:
        wrapped = vault.wrap(SECRET)
        for table, top in (({}, {}), ({"ca_file": bad}, {"ca_file": good}), ({}, {"ca_file": bad})):
            untrusted = settings(vault, wrapped, top=top, **table)
            assert refusal(partial(account_keys, untrusted), vault) == {"reason": "outside.connect-failed"}
        assert vault.asked == []
        for table, top in (({"ca_file": good}, {"ca_file": bad}), ({}, {"ca_file": good})):
            assert account_keys(settings(vault, wrapped, top=top, **table)).keys[0].secret == SECRET


def test_plain_http_to_another_machine_is_never_sent() -> None:
    """Not even if settings were made without the reader."""
    far = Configured("http://vault.example:8200", Secret("t"), "k")
    with pytest.raises(ConfigFaults) as caught:
        new_wrapped_key(far)
    assert caught.value.faults[0].because == {"reason": "config.host-not-allowed"}
