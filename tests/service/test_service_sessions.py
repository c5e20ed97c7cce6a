"""Session tokens of a running service: checked and revoked over HTTP and from Python, alone and with their account."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import haoma
from haoma import accounts, tokens
from haoma.errors import TokenUnusable
from haoma.service.tokens import Tokens
from haoma.settings.reader import load
from haoma.store.config import format_key
from haoma.store.upgrade import upgrade
from support.accounts import NUMBER_KEYS, PEPPERS, Town
from support.serving import Serving
from support.stores import KEYS

SERVER, PUBLISHABLE, OTHERS = ("sessions-test-server-key-0123456789", "sessions-test-publishable-key",
                               "sessions-test-other-tenants-key-0123")  # fmt: skip
OLD, NEW = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
WHOLE: dict[str, object] = {"phone_number": "+8613800138000"}


def pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def toml(*keys: Ed25519PrivateKey) -> str:
    listed = ", ".join(f'"""{pem(key)}"""' for key in keys)
    return f"""
[apps.shop]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = "{"0" * 32}"
[apps.others]
platform = "wechat"
app_id = "wx1123456789abcdef"
app_secret = "{"1" * 32}"
tenant = "others"
[service]
server_keys = ["{SERVER}"]
publishable_keys = ["{PUBLISHABLE}"]
signing_keys = [{listed}]
[service.tenants.others]
server_keys = ["{OTHERS}"]
[store]
database_url = "sqlite:///own.db"
keys = ["{format_key(KEYS[0])}"]
[accounts]
keys = ["{format_key(NUMBER_KEYS[0])}"]
peppers = ["{format_key(PEPPERS[0])}"]
audit_keys = ["1:{"A" * 43}="]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables."""
    found = tmp_path_factory.mktemp("sessions")
    (found / "haoma.toml").write_text(toml(NEW, OLD))
    upgrade(load(found / "haoma.toml").store)
    return found


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[Serving]:
    """The service while its signing key is changed: both keys are configured."""
    with Serving(folder, toml(NEW, OLD)) as found:
        yield found


@pytest.fixture
def account(folder: Path, request: pytest.FixtureRequest) -> str:
    """The account of somebody new."""
    town = Town(load(folder / "haoma.toml").store)
    town.wall = time.time()
    number = f"139{abs(hash(request.node.name)) % 10**8:08}"
    found = town.linked(f"o-{number}", number).account
    town.close()
    assert found
    return found


def issued(account: str | None, *, app: str = "shop", key: Ed25519PrivateKey = NEW, ago: float = 5) -> str:
    """A token as the service issues it to a mini program."""
    masked = {"masked": "138****8000", "platform": "wechat", "subject": {"openid": "o"}}
    masked |= {"account": account, "link": "linked"} if account else {}
    return Tokens([key]).issue(app, WHOLE, masked, time.time() - ago)


def ask(serving: Serving, name: str, token: object, key: str = SERVER) -> Any:
    got = serving.post(f"/v1/sessions/{name}", {"token": token}, key)
    assert got.status == 200, got.body
    return got.json


def test_a_token_is_checked(serving: Serving, account: str) -> None:
    """Of either signing key; what it says, and not the number. Without a login there is neither user nor account."""
    for key in (NEW, OLD):
        found = ask(serving, "check", issued(account, key=key))
        assert found.pop("id")
        issued_at, expires_at = found.pop("issued_at"), found.pop("expires_at")
        assert issued_at < expires_at
        assert issued_at.endswith("Z")
        assert found == {
            "active": True, "app": "shop", "subject": account, "account": account, "platform": "wechat",
            "masked": "138****8000", "link": "linked",
        }  # fmt: skip
    alone = ask(serving, "check", issued(None))
    assert (alone["active"], alone["subject"], alone["account"]) == (True, "o", None)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 9000])
def test_of_a_token_that_is_no_good_nothing_is_told(serving: Serving, token: str) -> None:
    """And it need not be revoked."""
    assert ask(serving, "check", token) == {"active": False}
    assert ask(serving, "revoke", token) == {"revoked": False}
    assert ask(serving, "check", issued(None, ago=601)) == {"active": False}
    assert ask(serving, "check", issued(None, key=Ed25519PrivateKey.generate())) == {"active": False}
    assert ask(serving, "check", issued(None, app="gone")) == {"active": False}


def test_one_token_is_revoked(serving: Serving, account: str) -> None:
    """It is no good any more, neither to be checked nor to be revealed; the others of the account are."""
    one, other = issued(account), issued(account)
    assert serving.post("/v1/apps/shop/phone-number/reveal", {"token": one}, SERVER).json == WHOLE
    assert ask(serving, "revoke", one) == {"revoked": True}
    assert ask(serving, "revoke", one) == {"revoked": False}
    assert ask(serving, "check", one) == {"active": False}
    refused = serving.post("/v1/apps/shop/phone-number/reveal", {"token": one}, SERVER)
    assert (refused.status, refused.code) == (422, "caller.token-unusable")
    assert ask(serving, "check", other)["active"]
    assert serving.post("/v1/apps/shop/phone-number/reveal", {"token": other}, SERVER).json == WHOLE


def test_all_tokens_of_an_account_are_revoked(serving: Serving, account: str) -> None:
    """Those that were issued before, and in the same second. One that is issued later is good."""
    before, now = issued(account), issued(account, ago=0)
    stranger = issued(None)
    assert serving.post(f"/v1/accounts/{account}/revoke-sessions", {"reason": "lost phone"}, SERVER).status == 200
    for each in (before, now):
        assert ask(serving, "check", each) == {"active": False}
        assert serving.post("/v1/apps/shop/phone-number/reveal", {"token": each}, SERVER).status == 422
    assert ask(serving, "check", stranger)["active"]
    assert ask(serving, "check", issued(account, ago=-2))["active"]


def test_tokens_end_with_their_account(serving: Serving, account: str) -> None:
    """Once it is erased there is nobody that they could speak for."""
    token = issued(account)
    assert ask(serving, "check", token)["active"]
    assert serving.post(f"/v1/accounts/{account}/erase", {"reason": "asked"}, SERVER).status == 200
    assert ask(serving, "check", token) == {"active": False}
    assert ask(serving, "check", issued("no-account")) == {"active": False}


def test_another_tenant_learns_and_ends_nothing(serving: Serving, account: str) -> None:
    """To its key a token of ours is no token; it has its own."""
    token = issued(account)
    assert ask(serving, "check", token, OTHERS) == {"active": False}
    assert ask(serving, "revoke", token, OTHERS) == {"revoked": False}
    assert ask(serving, "check", token)["active"]
    theirs = issued(None, app="others")
    assert ask(serving, "check", theirs, OTHERS)["active"]
    assert ask(serving, "check", theirs) == {"active": False}


@pytest.mark.parametrize("name", ["check", "revoke"])
def test_only_a_server_key(serving: Serving, name: str) -> None:
    """A mini program cannot ask; a body has a token and nothing else in its place."""
    path = f"/v1/sessions/{name}"
    assert serving.post(path, {"token": "x"}).status == 401
    refused = serving.post(path, {"token": "x"}, PUBLISHABLE)
    assert refused.status == 403
    for body, code in (({}, "envelope.missing-field"), ({"token": 1}, "envelope.bad-field")):
        assert serving.post(path, body, SERVER).code == code
    assert serving.ask("GET", path).status == 405


def test_from_python(serving: Serving, folder: Path, account: str) -> None:
    """The same from a program that has the store; offline a signature is all that is known."""
    jwks = serving.ask("GET", "/.well-known/jwks.json").body
    assert len(json.loads(jwks)["keys"]) == 2
    one, other = issued(account), issued(account, key=OLD)
    with haoma.Client(load(folder / "haoma.toml")) as client:
        assert client.run(tokens.check(one, jwks, app="shop")).account == account
        assert client.run(tokens.revoke(one, jwks)).id
        for flow in (tokens.check(one, jwks), tokens.revoke(one, jwks)):
            with pytest.raises(TokenUnusable):
                client.run(flow)
        assert ask(serving, "check", one) == {"active": False}
        assert client.run(tokens.check(other, jwks)).account == account
        client.run(accounts.revoke_sessions(account, by="test", reason="test"))
        with pytest.raises(TokenUnusable):
            client.run(tokens.check(other, jwks))
    assert tokens.verify(one, jwks, app="shop").account == account


def test_a_revoked_token_is_revoked_in_every_process(folder: Path, serving: Serving, account: str) -> None:
    """And after a restart: it is in the store."""
    token = issued(account)
    assert ask(serving, "revoke", token) == {"revoked": True}
    again = folder / "again"
    again.mkdir()
    with Serving(again, toml(NEW, OLD).replace("sqlite:///own.db", f"sqlite:///{folder / 'own.db'}")) as second:
        assert ask(second, "check", token) == {"active": False}
        assert ask(second, "check", issued(account))["active"]
