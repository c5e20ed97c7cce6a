"""Session tokens that are revoked in the store: for how long, and which."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from haoma import tokens
from haoma.accounts import Erase, RevokeSessions
from haoma.errors import NoAccounts, TokenUnusable
from haoma.ids import parsed
from haoma.io import blocking
from haoma.io.http import Http
from haoma.io.memory import Memory
from haoma.service.tokens import SECONDS, Tokens
from haoma.store.config import StoreSettings
from support.accounts import Town
from support.store_rows import run

pytest_plugins = ["support.store_fixtures"]

OURS = Tokens([Ed25519PrivateKey.generate()])


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    yield found
    found.close()


def issued(account: str | None, at: float) -> str:
    return OURS.issue("shop", {}, {"account": account} if account else {}, at)


def asked(town: Town, flow: Any) -> Any:
    return blocking.run(flow, blocking.World(Http(), town.store))


def is_good(town: Town, token: str) -> bool:
    try:
        asked(town, tokens.check(token, OURS.keys, app="shop", now=town.wall))
    except TokenUnusable:
        return False
    return True


def test_a_token_is_remembered_for_as_long_as_it_lives(town: Town) -> None:
    """And a minute more, for machines whose clocks are behind; then the row is over."""
    one, other = issued(None, town.wall), issued(None, town.wall)
    town.wall += 100
    assert asked(town, tokens.revoke(one, OURS.keys, now=town.wall)).app == "shop"
    assert (is_good(town, one), is_good(town, other)) == (False, True)
    ends = [row[0] / 1000 for row in run(town.settings, "SELECT expires_at FROM {0}kept")]
    assert ends == [town.wall - 100 + SECONDS + tokens.AHEAD_SECONDS]
    with pytest.raises(TokenUnusable):
        asked(town, tokens.revoke(one, OURS.keys, now=town.wall))
    town.wall += SECONDS - 100.5
    assert (is_good(town, one), is_good(town, other)) == (False, True)


def test_the_moment_of_an_accounts_revocation(town: Town) -> None:
    """To the second: what was issued in it is ended, what was issued in the next one is good."""
    account = town.linked("o-1").account
    assert account
    place = parsed(account)
    assert place is not None
    earlier, same, later = (issued(account, town.wall + seconds) for seconds in (-1, 0, 1))
    town.ask(RevokeSessions(account=place))  # at the whole second
    town.wall += 2
    assert [is_good(town, each) for each in (earlier, same, later)] == [False, False, True]
    assert is_good(town, issued(None, town.wall))
    town.ask(Erase(account=place))
    assert not is_good(town, later)
    assert not is_good(town, issued("no-account", town.wall))


def test_without_accounts_a_token_of_one_is_not_guessed_about() -> None:
    """Nobody could say whether it was revoked; one without an account is good."""
    world = blocking.World(Http(), Memory())
    at = 1_800_000_000.0
    flow = tokens.check(issued("019a1b2c-3d4e-7f00-8000-000000000001", at), OURS.keys, now=at)
    with pytest.raises(NoAccounts):
        blocking.run(flow, world)
    assert blocking.run(tokens.check(issued(None, at), OURS.keys, now=at), world).account is None
    token = issued(None, time.time())
    assert blocking.run(tokens.revoke(token, OURS.keys), world).id
    with pytest.raises(TokenUnusable):
        blocking.run(tokens.check(token, OURS.keys), world)
