"""The verbs of `haoma.accounts` on real databases: what each does, what it refuses, and what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest

from haoma import accounts
from haoma.accounts import (
    Action,
    Change,
    Erase,
    Found,
    LookUp,
    Merge,
    Proof,
    Read,
    ReadDispute,
    ReadRevoked,
    Resolve,
    RevokeSessions,
    SetUser,
    Unlink,
    Withdraw,
)
from haoma.errors import (
    AlreadyUsed,
    BadField,
    ErasurePending,
    HaomaError,
    LastLogin,
    NoAccounts,
    NoSuchAccount,
    NoSuchDispute,
    NotTheirs,
    NumberTaken,
    SessionUnknown,
    Spent,
    StoreUnreadable,
    WrongArgument,
)
from haoma.ids import parsed, written
from haoma.link import LinkPolicy, Login, OnConflict
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Concluded, Consent, Reserve, Withdrawn
from haoma.store.config import StoreSettings
from haoma.store.decisions import Decisions
from haoma.store.flows import ask_blocking
from haoma.store.opening import engine_of
from haoma.store.reports import check
from haoma.store.sealing import Sealer
from haoma.store.sweep import sweep
from haoma.verified import Assurance, Subject
from support.accounts import Town
from support.store_rows import empty, run
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]

DAY = 86_400.0
MINE, OTHER = "13800138000", "13900139000"
MOVE = LinkPolicy(on_conflict=OnConflict.MOVE, on_stale=OnConflict.MOVE)
REVIEW = LinkPolicy(on_conflict=OnConflict.REVIEW, on_stale=OnConflict.REVIEW)
CONSENT = Consent("2026-01", "checkout", b"\x01" * 32, "carrier")
NIL = "00000000-0000-0000-0000-000000000000"
NOBODY = "01939d2e-7c00-7a1b-8c2d-3e4f5a6b7c8d"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def emptied(request: pytest.FixtureRequest, migrated: dict[str, StoreSettings]) -> StoreSettings:
    """Each database with its own statements; `test_verbs_at_random` has the portable ones."""
    found = migrated[request.param]
    empty(found)
    return found


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    yield found
    found.close()


@pytest.fixture
def village(emptied: StoreSettings) -> Iterator[Town]:
    """Another tenant of the same database."""
    found = Town(emptied, "village")
    yield found
    found.close()


def login(value: str = "o-1", platform: str = "wechat", app: str = "wx1", kind: str = "openid") -> Login:
    return Login(platform, "" if kind == "unionid" else f"{platform}:{app}", kind, value)


def proof(town: Town, *logins: Login) -> Proof:
    """What a session proves that was begun just now."""
    return Proof(logins, town.wall)


def account_of(found: Any) -> str:
    assert found.account is not None
    return str(found.account)


def change(settings: StoreSettings, text: str, *arguments: Any) -> None:
    """Change rows behind the store's back."""

    def flow(connection: Any) -> Generator[Any, Any, None]:
        assert (yield connection.change(text.format(settings.table_prefix), arguments))

    ask_blocking(engine_of(settings), flow)


def id_of(text: str) -> bytes:
    found = parsed(text)
    assert found is not None
    return found


def read(town: Town, account: str) -> accounts.Account:
    found = town.run(accounts.read(account, by="test", reveal=True, reason="test"))
    assert isinstance(found, accounts.Account)
    return found


def merge(town: Town, account: str, other: str, *proofs: Proof, **more: Any) -> Any:
    return town.ask(Merge(account=id_of(account), other=id_of(other), proofs=proofs, by="test", **more))


def resolve(town: Town, dispute: str | None, action: Action | str, *proofs: Proof, **more: Any) -> Any:
    assert dispute is not None
    return town.ask(Resolve(dispute=id_of(dispute), action=Action(action), proofs=proofs, by="test", **more))


# --- finding and reading ---


def test_a_look_up_says_the_same_of_what_is_there_and_what_is_not(town: Town) -> None:
    """By number and by login, with the same members; a number has the time when it was verified."""
    known = town.linked("o-1", unionid="u-1")
    by_number = town.run(accounts.look_up(phone_number=f"+86{MINE}", by="test"))
    assert (by_number.account, by_number.verified_at.timestamp()) == (known.account, town.wall)
    for each in (login(), login("u-1", kind="unionid")):
        assert town.run(accounts.look_up(login=each, by="test")) == Found(known.account, None)
    unknown = town.run(accounts.look_up(phone_number=f"+86{OTHER}", by="test"))
    assert unknown == town.run(accounts.look_up(login=login("o-2"), by="test")) == Found(None, None)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"phone_number": "+8613800138000", "login": login()},
        {"phone_number": "13800138000"},
        {"phone_number": "+86 138 0013 8000"},
        {"phone_number": "+8613800138000", "reason": "x" * 257},
        {"phone_number": "+8613800138000", "reason": "a\nb"},
    ],
)
def test_look_ups_that_make_no_sense(asked: dict[str, Any]) -> None:
    """One of the two, in one form."""
    with pytest.raises(BadField):
        accounts.look_up(by="test", **asked)


def test_what_is_read_of_an_account(town: Town) -> None:
    """Masked, revealed for a reason, and exported with the consents."""
    account = account_of(town.linked("o-1", unionid="u-1", consent=CONSENT, assurance=Assurance.RECENTLY_REACHABLE))
    town.run(accounts.set_user(account, "4711", by="test"))
    found = town.run(accounts.read(account, by="test"))
    assert (found.account, found.user, found.masked, found.phone_number) == (account, "4711", "138****8000", None)
    assert (found.assurance, found.consents) == (Assurance.RECENTLY_REACHABLE, None)
    assert {found.created_at.timestamp(), found.verified_at.timestamp(), found.bound_at.timestamp()} == {town.wall}
    assert [(each.platform, each.app_id, each.kind, each.value) for each in found.logins] == [
        ("wechat", "wx1", "openid", "o-1"),
        ("wechat", "", "unionid", "u-1"),
    ]
    assert MINE not in repr(found)
    assert read(town, account).phone_number == f"+86{MINE}"
    exported = town.run(accounts.export(account, by="test", reason="asked for it"))
    assert exported.phone_number == f"+86{MINE}"
    (consent,) = exported.consents
    assert (consent.app, consent.policy, consent.scene, consent.audience) == (
        "wechat:wx1",
        "2026-01",
        "checkout",
        "carrier",
    )
    assert (consent.text_sha256, consent.at.timestamp(), consent.withdrawn_at) == ("01" * 32, town.wall, None)


def test_full_numbers_are_given_for_a_reason_only() -> None:
    """Whichever verb gives them."""
    for reason in ("", "  "):
        with pytest.raises(BadField):
            accounts.read(NOBODY, by="test", reveal=True, reason=reason)
        with pytest.raises(BadField):
            accounts.export(NOBODY, by="test", reason=reason)


def test_an_account_without_a_number_or_a_bound_one(town: Town) -> None:
    """What there is not is None."""
    first = town.linked("o-1", bound=False)
    assert read(town, account_of(first)).bound_at is None
    town.linked("o-2", policy=LinkPolicy(on_conflict=OnConflict.MOVE))
    left = read(town, account_of(first))
    assert (left.masked, left.phone_number, left.verified_at, left.bound_at, left.assurance) == (None,) * 5


VERBS: dict[str, Callable[[Any], Any]] = {
    "read": lambda account: accounts.read(account, by="test"),
    "export": lambda account: accounts.export(account, by="test", reason="test"),
    "set-user": lambda account: accounts.set_user(account, "4711", by="test"),
    "unlink": lambda account: accounts.unlink(account, login(), by="test"),
    "withdraw": lambda account: accounts.withdraw_consent(account, by="test"),
    "erase": lambda account: accounts.erase(account, by="test"),
    "erase-later": lambda account: accounts.erase(account, by="test", later=True),
    "revoke": lambda account: accounts.revoke_sessions(account, by="test"),
    "merge": lambda account: accounts.merge(account, NOBODY, by="test", proofs=()),
    "merge-other": lambda account: accounts.merge(NOBODY, account, by="test", proofs=()),
}
DISPUTES: dict[str, Callable[[Any], Any]] = {
    "read-dispute": lambda dispute: accounts.read_dispute(dispute, by="test"),
    **{f"resolve-{action}": partial(accounts.resolve, action=action, by="test") for action in Action},
}


NO_IDS = (NOBODY.upper(), "", "+8613800138000", "{" + NOBODY + "}", None, 7)


@pytest.mark.parametrize("wrong", NO_IDS)
def test_what_is_no_id_is_the_id_of_nothing(wrong: Any) -> None:
    """Whatever is put there; a number in particular is never looked up by mistake."""
    for verb in VERBS.values():
        with pytest.raises(NoSuchAccount):
            verb(wrong)
    for verb in DISPUTES.values():
        with pytest.raises(NoSuchDispute):
            verb(wrong)


def test_there_is_no_such_account_or_dispute(town: Town, village: Town) -> None:
    """Another tenant's, and one that never was, are the same to every verb; nothing is written."""
    theirs = account_of(village.linked("o-1", bound=False)), village.linked("o-2", policy=REVIEW).dispute
    before = town.dump(), village.dump()
    for account in (NOBODY, theirs[0]):
        for verb in VERBS.values():
            with pytest.raises(NoSuchAccount):
                town.run(verb(account))
    for dispute in (NOBODY, theirs[1]):
        for verb in DISPUTES.values():
            with pytest.raises(NoSuchDispute):
                town.run(verb(dispute))
    assert (town.dump(), village.dump()) == before


def test_where_no_accounts_are_kept_there_are_none(emptied: StoreSettings) -> None:
    """A store without keys for numbers says so, of every verb."""
    decisions = Decisions(Sealer(KEYS, "default"), 30, 12, None)
    for step in (LookUp(login=login()), Read(account=id_of(NOBODY)), Erase(account=id_of(NOBODY))):
        with pytest.raises(NoAccounts):
            decisions.prepare(step)


# --- one account ---


def test_the_applications_own_id(town: Town) -> None:
    """It is set, replaced and removed, and never stands in a row in clear."""
    account = account_of(town.linked("o-1"))
    for user in ("canary-user-1", "canary-user-2"):
        town.run(accounts.set_user(account, user, by="test"))
        assert read(town, account).user == user
        assert user.encode() not in b"".join(
            each for row in town.dump()["accounts"] for each in row if type(each) is bytes
        )
    town.run(accounts.set_user(account, "", by="test"))
    assert read(town, account).user is None
    for bad in ("x" * 129, "a\x00b"):
        with pytest.raises(BadField):
            accounts.set_user(account, bad, by="test")


def test_a_login_is_unlinked_and_comes_back_as_somebody_else(town: Town) -> None:
    """Not the last one; not somebody else's; and whoever has it authorizes anew afterwards."""
    first = town.linked("o-1")
    town.linked("d-1", platform="douyin", app="tt1")
    account, theirs = account_of(first), account_of(town.linked("o-9", OTHER))
    for not_mine in (login("o-9"), login("o-7"), login("o-1", app="wx2")):
        with pytest.raises(NoSuchAccount):
            town.run(accounts.unlink(account, not_mine, by="test"))
    douyin = login("d-1", "douyin", "tt1")
    assert town.run(accounts.unlink(account, douyin, by="test")) == Change(False, account, logins=1)
    assert town.run(accounts.look_up(login=douyin, by="test")).account is None
    with pytest.raises(LastLogin):
        town.run(accounts.unlink(account, login(), by="test"))
    assert town.linked("d-1", OTHER[:-1] + "1", platform="douyin", app="tt1").account not in {account, theirs}


@pytest.mark.parametrize("tied_since", [True, False])
def test_a_number_that_was_tied_to_another_since_comes_back_untied(town: Town, tied_since: bool) -> None:
    """After an undo as well: else the next login of the one who has the number now joins the account of the other."""
    holder = account_of(town.linked("o-1"))
    town.linked("o-2", OTHER)
    moved = town.linked("o-2", policy=MOVE)
    town.wall += DAY
    town.linked("o-2", bound=tied_since)
    town.wall += DAY
    resolve(town, moved.dispute, Action.UNDO)
    assert read(town, holder).phone_number == f"+86{MINE}"
    found = town.authorize("d-2", platform="douyin", app="tt1")
    assert isinstance(found, NumberTaken) is tied_since
    assert town.linked("o-1").account == holder
    assert account_of(town.linked("d-3", platform="douyin", app="tt1")) == holder  # it is tied to the holder again


def test_whoever_is_unlinked_keeps_no_session(town: Town) -> None:
    """The token of a login that was taken away speaks for the account no more; nor after a move is undone."""
    account = account_of(town.linked("o-1"))
    town.linked("d-1", platform="douyin", app="tt1")
    town.wall += DAY
    unlink = partial(accounts.unlink, account, login("d-1", "douyin", "tt1"), by="test")
    town.run(unlink(preview=True))
    assert town.ask(ReadRevoked(account=id_of(account))) == 0
    town.run(unlink())
    assert town.ask(ReadRevoked(account=id_of(account))) == town.wall

    moved = town.linked("e-1", policy=MOVE, bound=True, platform="douyin", app="tt2")
    assert moved.link == "joined"
    town.linked("o-5", OTHER, bound=False)
    moved = town.linked("e-5", OTHER, policy=MOVE, platform="douyin", app="tt1")
    town.linked("f-5", OTHER, platform="alipay", app="2021")
    town.wall += DAY
    resolve(town, moved.dispute, Action.UNDO)
    assert town.ask(ReadRevoked(account=id_of(account_of(moved)))) == town.wall


@pytest.mark.parametrize("end", ["unlink", "revoke", "erase", "merge", "withdraw"])
def test_no_answer_is_repeated_after_the_sessions_have_ended(town: Town, end: str) -> None:
    """Or whoever was shut out would only have to send the last request again to get a new token for the account."""
    town.linked("x-1", OTHER)
    town.linked("o-1")
    wanted = Reserve("douyin:tt1", "code", Secret(f"repeated-{end}"), b"mine", 600)
    reserved = town.ask(wanted)
    step = town.conclude("d-1", platform="douyin", app="tt1")
    account = account_of(town.ask(msgspec.structs.replace(step, ref=reserved.ref)).outcome)
    town.wall += 1
    other = town.run(accounts.look_up(login=login("x-1"), by="test")).account
    assert town.ask(wanted).outcome.account == account
    town.wall += 1
    match end:
        case "unlink":
            town.run(accounts.unlink(account, login("d-1", "douyin", "tt1"), by="test"))
        case "revoke":
            town.run(accounts.revoke_sessions(account, by="test"))
        case "erase":
            erase(town, account)
        case "merge":
            merge(town, other, account, proof(town, login("o-1")), proof(town, login("x-1")))
        case "withdraw":
            who = Subject(openid="d-1")
            town.ask(Withdrawn("douyin:tt1", "douyin", "till", who, "authorization", "unlink", town.wall, "k"))
    with pytest.raises(AlreadyUsed):
        town.ask(wanted)


def test_consents_are_withdrawn_once(town: Town) -> None:
    """All of them, or those to one scene; they remain, with the time."""
    account = account_of(town.linked("o-1", consent=CONSENT))
    town.linked("o-1", consent=Consent("2026-01", "newsletter"))
    town.linked("o-2", OTHER, consent=CONSENT)
    town.wall += DAY
    assert town.run(accounts.withdraw_consent(account, by="test", scene="none")) == 0
    assert town.run(accounts.withdraw_consent(account, by="test", scene="newsletter")) == 1
    town.wall += DAY
    assert town.run(accounts.withdraw_consent(account, by="test")) == 1
    assert town.run(accounts.withdraw_consent(account, by="test")) == 0
    found = town.run(accounts.export(account, by="test", reason="test")).consents
    assert sorted(each.withdrawn_at.timestamp() - town.wall for each in found) == [-DAY, 0]
    assert run(town.settings, "SELECT COUNT(*) FROM {}consents WHERE withdrawn_at = 0")[0][0] == 1


def test_sessions_are_revoked(town: Town) -> None:
    """The time is kept with the account; one that is gone has none that count."""
    account = account_of(town.linked("o-1"))
    ask = ReadRevoked(account=id_of(account))
    assert town.ask(ask) == 0
    town.run(accounts.revoke_sessions(account, by="test"))
    assert town.ask(ask) == town.wall
    town.run(accounts.erase(account, by="test"))
    assert town.ask(ask) == float("inf")


def test_what_verbs_note_is_in_order(town: Town) -> None:
    """`haoma db check` finds nothing odd after revocations and a platform's message, and can open what they keep."""
    account = account_of(town.linked("o-1", unionid="u-1"))
    for _ in range(2):
        town.run(accounts.revoke_sessions(account, by="test"))
    who = Subject(openid="o-1")
    assert town.ask(Withdrawn("wechat:wx1", "wechat", "shop", who, "authorization", "unlink", town.wall, "message-1"))
    prefix, sealer = town.settings.table_prefix, Sealer(KEYS, town.tenant)
    assert ask_blocking(town.engine, lambda connection: check(connection, prefix, town.tenant, sealer)) == []
    assert len(town.dump()["kept"]) == 3


def test_a_session_that_began_before_it_was_revoked_links_nothing(town: Town) -> None:
    """Whichever id of the user it has; the account, its number and everybody else are as before."""
    account = account_of(town.linked("o-1", unionid="u-1"))
    town.linked("o-2", OTHER)
    began = town.wall
    town.wall += 10
    town.run(accounts.revoke_sessions(account, by="test"))
    before = town.dump()
    several: list[dict[str, Any]] = [{"unionid": "u-1"}, {}, {"unionid": "u-1", "app": "wx2"}]
    for more in several:
        conclude = msgspec.structs.replace(town.conclude("o-1", "13700137000", **more), since=began)
        (found,) = town.batch(conclude)
        assert (type(found.outcome), found.outcome.spent) == (SessionUnknown, Spent.YES)
    after = town.dump()
    assert {name for name in before if before[name] != after[name]} == {"ledger"}
    for since in (town.wall, 0.0):
        (found,) = town.batch(msgspec.structs.replace(town.conclude("o-1", unionid="u-1"), since=since))
        assert found.outcome.account == account
    assert town.linked("o-2", OTHER).link == "linked"


def test_erasing_leaves_nothing_of_the_person(town: Town) -> None:
    """No number, index, salt, login, dispute or event; consents and the request remain. Others lose nothing."""
    account = account_of(town.linked("o-1", unionid="u-1", consent=CONSENT))
    town.linked("o-2", OTHER)
    moved = town.linked("o-2", policy=MOVE)
    resolve(town, moved.dispute, "undo")
    review = town.linked("o-2", policy=REVIEW)
    town.linked("o-1", OTHER, policy=REVIEW)
    town.wall += DAY
    before = town.dump()
    assert town.run(accounts.erase(account, by="test")) == Change(False, account, logins=2)
    after = town.dump()
    gone = {table: len([row for row in rows if row not in after[table]]) for table, rows in before.items()}
    assert {table: count for table, count in gone.items() if count} == {
        "accounts": 1,
        "identities": 2,
        "numbers": 1,
        "phones": 1,
        "salts": 1,
        "disputes": 3,
        "outbox": 3,
    }
    assert after["disputes"] == []
    assert after["consents"] == before["consents"]
    assert [row[3:] for row in after["erasures"]] == [(_ms(town.wall), 0, _ms(town.wall))]
    assert town.run(accounts.look_up(phone_number=f"+86{MINE}", by="test")) == Found(None, None)
    with pytest.raises(NoSuchDispute):
        resolve(town, review.dispute, "close")
    again = town.linked("o-1", unionid="u-1")
    assert (again.link, again.account == account) == ("new", False)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def test_a_request_to_erase_is_due_in_fifteen_days(town: Town) -> None:
    """Asked again it is due no later; carried out, it keeps the time when it was asked, and is due no more."""
    account = account_of(town.linked("o-1"))
    asked = _ms(town.wall)
    assert town.run(accounts.erase(account, by="test", later=True)) == Change(False, account)
    town.wall += DAY
    town.run(accounts.erase(account, by="test", later=True))
    due = asked + _ms(15 * DAY)
    assert [row[3:] for row in town.dump()["erasures"]] == [(asked, due, 0)]
    assert read(town, account).masked == "138****8000"
    town.wall += DAY
    town.run(accounts.erase(account, by="test"))
    assert [row[3:] for row in town.dump()["erasures"]] == [(asked, 0, _ms(town.wall))]


# --- two accounts ---


def two(town: Town) -> tuple[str, str]:
    """Two people with numbers, logins of several kinds, consents and ids of the application."""
    first = account_of(town.linked("o-1", unionid="u-1", consent=CONSENT))
    second = account_of(town.linked("d-1", OTHER, unionid="v-1", platform="douyin", app="tt1", consent=CONSENT))
    town.run(accounts.set_user(second, "second", by="test"))
    return first, second


def of_both(town: Town) -> tuple[Proof, Proof]:
    return (
        proof(town, login(), login("u-1", kind="unionid")),
        proof(town, login("d-1", "douyin", "tt1"), login("v-1", "douyin", kind="unionid")),
    )


@pytest.mark.parametrize("which", [(), (0,), (1,), (0, 0)])
def test_a_merge_needs_proof_of_both(town: Town, which: tuple[int, ...]) -> None:
    """Without the one or the other nothing happens, and a stranger's proof is none."""
    first, second = two(town)
    town.linked("o-3", "13700137000")
    before = town.dump()
    both = of_both(town)
    for more in ((), (proof(town, login("o-3")), proof(town, login("o-4")))):
        with pytest.raises(NotTheirs):
            merge(town, first, second, *(both[each] for each in which), *more)
    assert town.dump() == before


@pytest.mark.parametrize("keep_other", [False, True])
def test_a_merge_gives_everything_of_the_other(town: Town, keep_other: bool) -> None:
    """Logins, consents and the application's id; one of the numbers. The other account is gone, sessions end."""
    first, second = two(town)
    before = read(town, second if keep_other else first)
    town.wall += DAY
    change = merge(town, first, second, *of_both(town), keep_other=keep_other)
    gone = "138****8000" if keep_other else "139****9000"
    kept = OTHER if keep_other else MINE
    assert change == Change(False, first, second, "139****9000" if keep_other else None, gone, 2)
    found = town.run(accounts.export(first, by="test", reason="test"))
    assert (found.phone_number, found.user, len(found.logins), len(found.consents)) == (f"+86{kept}", "second", 4, 2)
    assert (found.verified_at, found.bound_at, found.assurance) == (
        before.verified_at,
        before.bound_at,
        before.assurance,
    )
    for each in (login("d-1", "douyin", "tt1"), login("v-1", "douyin", kind="unionid"), login()):
        assert town.run(accounts.look_up(login=each, by="test")).account == first
    with pytest.raises(NoSuchAccount):
        read(town, second)
    assert [len(town.dump()[each]) for each in ("accounts", "identities", "numbers", "phones", "salts")] == [
        1,
        4,
        1,
        1,
        1,
    ]
    assert town.ask(ReadRevoked(account=id_of(first))) == town.wall
    assert town.run(accounts.withdraw_consent(first, by="test")) == 2
    assert town.linked("d-1", kept, platform="douyin", app="tt1").account == first


@pytest.mark.parametrize("without", ["first", "second", "both"])
def test_a_merge_of_accounts_without_numbers(town: Town, without: str) -> None:
    """There is nothing to choose then."""
    first, second = two(town)
    for name, number, account in (("first", MINE, first), ("second", OTHER, second)):
        if without in (name, "both"):
            town.linked("o-8", "13700137000")
            thief = town.linked("o-8", number, policy=MOVE)
            town.run(accounts.erase(account_of(thief), by="test"))
            assert read(town, account).masked is None
    change = merge(town, first, second, *of_both(town))
    kept = {"first": f"+86{OTHER}", "second": f"+86{MINE}", "both": None}[without]
    assert (change.removed, read(town, first).phone_number) == (None, kept)


def test_an_account_that_is_to_be_erased_is_not_merged(town: Town) -> None:
    """Neither side: the request was about what would live on, or would end what is not meant."""
    first, second = two(town)
    town.run(accounts.erase(second, by="test", later=True))
    before = town.dump()
    for pair in ((first, second), (second, first)):
        with pytest.raises(ErasurePending):
            merge(town, *pair, *of_both(town))
    assert town.dump() == before


def test_an_account_is_not_merged_with_itself(town: Town) -> None:
    first, _ = two(town)
    with pytest.raises(NoSuchAccount):
        merge(town, first, first, *of_both(town))


def test_revoked_sessions_prove_nothing(town: Town) -> None:
    """A session that was begun before is none, for whatever it proves."""
    first, second = two(town)
    old = of_both(town)
    town.wall += 1
    town.run(accounts.revoke_sessions(second, by="test"))
    with pytest.raises(NotTheirs):
        merge(town, first, second, *old)
    town.wall += 1
    assert merge(town, first, second, *of_both(town)).account == first


def test_a_merge_with_as_many_proofs_as_there_may_be(town: Town) -> None:
    """All of them are read at once, so that the batch comes to its end."""
    first, second = two(town)
    noise = [proof(town, *(login(f"n-{n}-{m}") for m in range(3))) for n in range(6)]
    assert merge(town, first, second, *noise, *of_both(town)).account == first


# --- disputes ---


def disputed(town: Town, *, known: bool = False, bound: bool = True) -> tuple[str, str]:
    """A number of one account that another login claims: the holder and the dispute."""
    holder = account_of(town.linked("o-1", bound=False))
    if known:
        town.linked("o-2", OTHER)
    found = town.linked("o-2", unionid="u-2", bound=bound, policy=REVIEW)
    assert found.dispute is not None
    return holder, found.dispute


def test_what_is_read_of_a_dispute(town: Town) -> None:
    """Its number is masked. The same claim again is the same dispute, and one that is tied counts for more."""
    holder, dispute = disputed(town, bound=False)
    found = town.run(accounts.read_dispute(dispute, by="test"))
    assert (found.dispute, found.state, found.app, found.claimant) == (dispute, "open", "wechat:wx1", None)
    assert (found.holder, found.masked, found.bound) == (holder, "138****8000", False)
    assert (found.at.timestamp(), found.forget_at.timestamp()) == (town.wall, town.wall + 30 * DAY)
    town.wall += DAY
    for bound in (True, False):
        assert town.linked("o-2", unionid="u-2", bound=bound, policy=REVIEW).dispute == dispute
        assert town.run(accounts.read_dispute(dispute, by="test")).bound is True
    others = [town.linked("o-3", policy=REVIEW).dispute, town.linked("o-2", app="wx2", policy=REVIEW).dispute]
    assert len({dispute, *others}) == len(town.dump()["disputes"]) == 3


def test_a_dispute_is_forgotten_after_thirty_days(town: Town) -> None:
    _, dispute = disputed(town)
    town.wall += 30 * DAY
    for action in Action:
        with pytest.raises(NoSuchDispute):
            resolve(town, dispute, action)
    assert town.linked("o-2", unionid="u-2", policy=REVIEW).dispute != dispute


def test_the_sweep_deletes_what_is_forgotten(town: Town) -> None:
    """A dispute holds numbers, so it does not outlive its time."""
    _, dispute = disputed(town)
    town.wall += 30 * DAY - 1
    assert asyncio.run(sweep(town.engine)).disputes == 0
    assert town.run(accounts.read_dispute(dispute, by="test")).state == "open"
    town.wall += 1
    assert asyncio.run(sweep(town.engine)).disputes == 1
    assert town.dump()["disputes"] == []


@pytest.mark.parametrize("preview", [True, False])
def test_joining_needs_proof_of_both_sides(town: Town, preview: bool) -> None:
    """The claimant's login is added to the holder's account, and the dispute is over."""
    holder, dispute = disputed(town)
    theirs, mine = proof(town, login()), proof(town, login("o-2"))
    town.linked("o-3", "13700137000")
    before = town.dump()
    for proofs in ((), (theirs,), (mine,), (mine, proof(town, login("o-3"))), (theirs, proof(town, login("o-3")))):
        with pytest.raises(NotTheirs):
            resolve(town, dispute, "join", *proofs)
    assert town.dump() == before
    change = resolve(town, dispute, "join", mine, theirs, preview=preview)
    assert change == Change(preview, holder, logins=2)
    if preview:
        assert town.dump() == before
        return
    assert {
        town.run(accounts.look_up(login=each, by="test")).account
        for each in (login("o-2"), login("u-2", kind="unionid"))
    } == {holder}
    for action in Action:
        with pytest.raises(NoSuchDispute):
            resolve(town, dispute, action, mine, theirs)


def test_who_has_an_account_does_not_join_but_merges(town: Town) -> None:
    """Nor does somebody who has got one since."""
    _, known = disputed(town, known=True)
    with pytest.raises(NotTheirs) as refused:
        resolve(town, known, "join", proof(town, login()), proof(town, login("o-2")))
    assert refused.value.because == {"reason": "merge the two accounts"}
    dispute = town.linked("o-3", policy=REVIEW).dispute
    town.linked("o-3", "13700137000")
    for action in ("join", "move"):
        with pytest.raises(NumberTaken):
            resolve(town, dispute, action, proof(town, login()), proof(town, login("o-3")))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("bound", [True, False])
def test_a_number_is_moved_by_hand(town: Town, known: bool, bound: bool) -> None:
    """If a platform tied it to the claimant, or the holder agrees; a former number of the claimant is nobody's then."""
    holder, dispute = disputed(town, known=known, bound=bound)
    agrees = proof(town, login())
    before = town.dump()
    if not bound:
        for proofs in ((), (proof(town, login("o-2")),)):
            with pytest.raises(NotTheirs):
                resolve(town, dispute, "move", *proofs)
    preview = resolve(town, dispute, "move", agrees, preview=True)
    assert town.dump() == before
    claimed = _ms(town.wall)
    town.wall += DAY
    change = resolve(town, dispute, "move", *(() if bound else (agrees,)))
    assert (preview.masked, preview.removed, preview.other) == (change.masked, change.removed, change.other)
    assert (change.other, change.masked, change.removed) == (holder, "138****8000", "139****9000" if known else None)
    assert change.logins == (0 if known else 2)
    found = town.run(accounts.look_up(phone_number=f"+86{MINE}", by="test"))
    assert found.account == town.run(accounts.look_up(login=login("o-2"), by="test")).account != holder
    assert found.verified_at.timestamp() * 1000 == claimed
    mine = read(town, account_of(found))
    assert (mine.bound_at is not None) == bound
    assert read(town, holder).masked is None
    assert town.run(accounts.read_dispute(dispute, by="test")).state == "moved"


def test_a_holder_whose_number_was_tied_since_has_to_agree(town: Town) -> None:
    """The claim is the older one then: the number may have been given to the holder after it."""
    _, dispute = disputed(town)
    town.wall += DAY
    town.linked("o-1")
    with pytest.raises(NotTheirs):
        resolve(town, dispute, "move")
    assert resolve(town, dispute, "move", proof(town, login())).masked == "138****8000"


def test_a_dispute_whose_number_is_elsewhere_by_now(town: Town) -> None:
    """Nothing can be done about it but to close it."""
    _, dispute = disputed(town)
    town.linked("o-1", "13700137000")
    before = town.dump()
    proofs = proof(town, login()), proof(town, login("o-2"))
    for action in ("join", "move"):
        with pytest.raises(NumberTaken):
            resolve(town, dispute, action, *proofs)
    assert town.dump() == before
    assert resolve(town, dispute, "close") == Change(False)
    assert town.run(accounts.read_dispute(dispute, by="test")).state == "closed"
    with pytest.raises(NoSuchDispute):
        resolve(town, dispute, "close")


# --- moves, and how they are undone ---


def facts(town: Town) -> dict[str, Any]:
    """What the rows say, without what is drawn anew each time they are written: ids of records, salts, ciphertexts."""
    found: dict[str, Any] = {}
    for (account,) in run(town.settings, "SELECT place FROM {}accounts WHERE tenant = ?", town.tenant):
        found[written(bytes(account))] = town.run(accounts.export(written(bytes(account)), by="test", reason="test"))
    dump = town.dump()
    counts = {
        name: len(rows) for name, rows in dump.items() if name not in ("ledger", "outbox", "consents", "disputes")
    }
    numbers = sorted((row[1], row[3], *row[5:]) for row in dump["numbers"])
    return {
        "accounts": found,
        "counts": counts,
        "numbers": numbers,
        "logins": [row[:2] + row[3:] for row in dump["identities"]],
    }


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("by_hand", [True, False])
@pytest.mark.parametrize("before", [(True, Assurance.RECENTLY_REACHABLE), (False, Assurance.STALE)])
def test_undoing_a_move_restores_exactly(
    town: Town, known: bool, by_hand: bool, before: tuple[bool, Assurance]
) -> None:
    """Both numbers with all that was known of them, the logins, and no account that was not there."""
    bound, assurance = before
    town.linked("o-1", bound=bound, assurance=assurance)
    town.wall += 200 * DAY  # or an unknown login would join
    if known:
        town.linked("o-2", OTHER, bound=not bound)
    town.wall += DAY
    then = facts(town)
    arguments: dict[str, Any] = {"unionid": "u-2", "assurance": Assurance.PLATFORM}
    if by_hand:
        dispute = town.linked("o-2", policy=REVIEW, **arguments).dispute
        resolve(town, dispute, "move", proof(town, login()))
    else:
        dispute = town.linked("o-2", policy=MOVE, **arguments).dispute
    moved = town.dump()
    preview = resolve(town, dispute, "undo", preview=True)
    assert town.dump() == moved
    town.wall += DAY
    change = resolve(town, dispute, "undo")
    assert (preview.account, preview.masked, preview.logins) == (change.account, change.masked, change.logins)
    assert facts(town) == then
    assert town.run(accounts.read_dispute(str(dispute), by="test")).state == "undone"
    with pytest.raises(NoSuchDispute):
        resolve(town, dispute, "undo")


def test_what_was_added_since_a_move_is_not_taken_away(town: Town) -> None:
    """An account that the move made stays if the application or the user has put something into it."""
    for use in ("user", "login"):
        number = {"user": MINE, "login": OTHER}[use]
        town.linked(f"h-{use}", number, bound=False)
        moved = town.linked(f"o-{use}", number, policy=MOVE)
        if use == "user":
            town.run(accounts.set_user(account_of(moved), "4711", by="test"))
        else:
            town.linked(f"d-{use}", number, platform="douyin", app="tt1")
        resolve(town, moved.dispute, "undo")
        left = read(town, account_of(moved))
        assert (left.masked, left.user) == (None, "4711" if use == "user" else None)
        assert [each.value for each in left.logins] == [{"user": "o-user", "login": "d-login"}[use]]


def test_moves_that_cannot_be_undone(town: Town) -> None:
    """The holder has another number by now; the claimant has lost it again; the holder is gone; it is too late."""

    def move() -> tuple[str, str]:
        holder = account_of(town.linked("o-1", bound=False))
        found = town.linked("o-2", policy=MOVE)
        assert found.dispute is not None
        return holder, found.dispute

    holder, dispute = move()
    town.linked("o-1", OTHER)
    with pytest.raises(NumberTaken):
        resolve(town, dispute, "undo")
    town.run(accounts.erase(holder, by="test"))
    with pytest.raises(NoSuchDispute):
        resolve(town, dispute, "undo")
    town.linked("o-2", "13700137000")
    holder, dispute = move()
    town.linked("o-3", "13600136000")
    town.linked("o-3", policy=MOVE)
    before = town.dump()
    with pytest.raises(NumberTaken):
        resolve(town, dispute, "undo")
    town.wall += 30 * DAY
    with pytest.raises(NoSuchDispute):
        resolve(town, dispute, "undo")
    assert town.dump() == before


def test_a_number_that_the_claimant_had_is_not_taken_from_its_new_owner(town: Town) -> None:
    """Undoing gives it back only if nobody has it."""
    town.linked("o-1", bound=False)
    town.linked("o-2", OTHER)
    moved = town.linked("o-2", policy=MOVE)
    new = town.linked("o-3", OTHER)
    resolve(town, moved.dispute, "undo")
    assert read(town, account_of(moved)).masked is None
    assert town.run(accounts.look_up(phone_number=f"+86{OTHER}", by="test")).account == new.account


def test_an_account_that_the_move_did_not_make_is_not_removed(town: Town) -> None:
    """It has only the login left that the move has linked, and keeps it."""
    town.linked("o-1", bound=False)
    mine = account_of(town.linked("o-2", OTHER))
    moved = town.linked("o-2", unionid="u-2", policy=MOVE)
    town.run(accounts.unlink(mine, login("o-2"), by="test"))
    assert resolve(town, moved.dispute, "undo").logins == 0
    left = read(town, mine)
    assert ([each.value for each in left.logins], left.phone_number) == (["u-2"], f"+86{OTHER}")


def test_a_merge_keeps_the_id_that_the_account_has(town: Town) -> None:
    """That of the other account is taken only where there is none."""
    first, second = two(town)
    town.run(accounts.set_user(first, "first", by="test"))
    merge(town, first, second, *of_both(town))
    assert read(town, first).user == "first"


# --- what is written down, and told ---


def test_every_verb_is_in_the_audit_log(town: Town) -> None:
    """What, who and why, and about which account; a preview says that it is one, and what is refused changes nothing."""
    first, second = two(town)
    one, other = id_of(first), id_of(second)
    dispute = town.linked("o-1", OTHER, policy=REVIEW).dispute
    why: dict[str, Any] = {"by": "clerk", "reason": "ticket"}
    number = PhoneNumber("86", MINE)
    both = of_both(town)
    expected: list[tuple[Any, str, dict[str, str]]] = [
        (LookUp(number=number, **why), "look-up", {"how": "number", "account": first}),
        (LookUp(login=login("o-7"), **why), "look-up", {"how": "login", "unknown": NIL}),
        (Read(account=one, **why), "read", {"account": first}),
        (Read(account=one, reveal=True, **why), "reveal", {"account": first}),
        (Read(account=one, export=True, **why), "export", {"account": first}),
        (SetUser(account=one, user="4711", **why), "set-user", {"account": first}),
        (ReadDispute(dispute=id_of(str(dispute)), **why), "read-dispute", {"dispute": str(dispute)}),
        (
            Resolve(dispute=id_of(str(dispute)), action=Action.CLOSE, preview=True, **why),
            "resolve",
            {"dispute": str(dispute), "action": "close", "preview": "1"},
        ),
        (
            Resolve(dispute=id_of(str(dispute)), action=Action.CLOSE, **why),
            "resolve",
            {"dispute": str(dispute), "action": "close"},
        ),
        (Withdraw(account=one, **why), "withdraw-consent", {"account": first, "total": "1"}),
        (
            Unlink(account=one, login=login("u-1", kind="unionid"), **why),
            "unlink",
            {"account": first, "kind": "unionid", "app": ""},
        ),
        (
            Merge(account=one, other=other, proofs=both, preview=True, **why),
            "merge",
            {"account": first, "other": second, "logins": "2", "preview": "1"},
        ),
        (
            Merge(account=one, other=other, proofs=both, **why),
            "merge",
            {"account": first, "other": second, "logins": "2"},
        ),
        (RevokeSessions(account=one, **why), "revoke-sessions", {"account": first}),
        (Erase(account=one, later=True, **why), "ask-to-erase", {"account": first}),
        (Erase(account=one, **why), "erase", {"account": first, "logins": "3", "number": "1"}),
    ]
    for step, what, facts in expected:
        (answer,) = town.batch(step)
        assert not isinstance(answer, Exception), what
        assert town.entries == [(what, "clerk", {**facts, "reason": "ticket"})]
    town.batch(Read(account=one, by="clerk"))
    assert town.entries == []
    town.batch(LookUp(login=login(), by="clerk"))
    assert town.entries == [("look-up", "clerk", {"how": "login", "unknown": NIL})]


def test_the_application_is_told_of_what_changes(town: Town) -> None:
    """Masked, and nothing of a preview."""
    town.linked("o-1", bound=False)
    moved = town.linked("o-2", policy=MOVE)
    holder, claimant = town.run(accounts.look_up(login=login(), by="test")).account, account_of(moved)
    resolve(town, moved.dispute, "undo", preview=True)
    before = len(town.events())
    resolve(town, moved.dispute, "undo")
    told = town.events()[-2:]
    assert told == [
        {"type": "account.erased", "account": claimant},
        {"type": "number.changed", "account": claimant, "masked": "138****8000"},
    ]
    other = account_of(town.linked("d-1", OTHER, platform="douyin", app="tt1"))
    proofs = proof(town, login()), proof(town, login("d-1", "douyin", "tt1"))
    merge(town, holder, other, *proofs, preview=True)
    merge(town, holder, other, *proofs)
    review = town.linked("o-2", policy=REVIEW).dispute
    resolve(town, review, "move", preview=True)
    resolve(town, review, "move", proof(town, login()))
    town.run(accounts.erase(holder, by="test", preview=True))
    town.run(accounts.erase(holder, by="test"))
    assert before > 0
    assert MINE not in str(town.events())
    assert [each["type"] for each in town.events()][-1] == "account.erased"
    assert {each["type"] for each in town.events()} >= {"phone.verified", "account.erased"}


# --- previews, failures and batches ---


def test_previews_change_nothing(town: Town) -> None:
    """Of any verb that has one. They say what would happen."""
    first, second = two(town)
    review = town.linked("o-1", OTHER, policy=REVIEW)
    before = town.dump()
    told = [
        town.run(accounts.unlink(first, login(), by="test", preview=True)),
        town.run(accounts.erase(first, by="test", preview=True)),
        town.run(accounts.erase(first, by="test", later=True, preview=True)),
        *(merge(town, first, second, *of_both(town), keep_other=each, preview=True) for each in (True, False)),
        resolve(town, review.dispute, "close", preview=True),
        resolve(town, review.dispute, "move", of_both(town)[1], preview=True),
    ]
    assert all(change.preview for change in told)
    assert [change.logins for change in told] == [1, 2, 0, 2, 2, 0, 0]
    assert town.dump() == before


def test_a_preview_takes_back_only_its_own(town: Town) -> None:
    """Beside others in one batch, before and after it."""
    first, second = two(town)
    answers = town.batch(
        SetUser(account=id_of(first), user="before", by="test"),
        Erase(account=id_of(first), preview=True, by="test"),
        Merge(account=id_of(second), other=id_of(first), proofs=of_both(town), preview=True, by="test"),
        SetUser(account=id_of(second), user="after", by="test"),
    )
    assert not any(isinstance(each, Exception) for each in answers)
    assert (read(town, first).user, read(town, second).user) == ("before", "after")
    assert [len(town.dump()[each]) for each in ("accounts", "identities", "numbers", "erasures")] == [2, 4, 2, 0]


def test_two_of_one_person_in_one_batch(town: Town) -> None:
    """A first login and a change of number, decided one after the other before either is written."""
    answers = town.batch(
        town.conclude("o-1"), town.conclude("o-1", OTHER), town.conclude("o-2"), town.conclude("o-1", "13700137000")
    )
    found: list[Any] = [each.outcome for each in answers if isinstance(each, Concluded)]
    assert [each.link for each in found] == ["new", "linked", "new", "linked"]
    assert found[0].account == found[1].account == found[3].account != found[2].account
    assert read(town, account_of(found[0])).phone_number == "+8613700137000"
    assert read(town, account_of(found[2])).phone_number == f"+86{MINE}"
    assert [len(town.dump()[each]) for each in ("accounts", "identities", "numbers", "phones", "salts")] == [2] * 5


def test_everything_about_one_person_in_one_batch(town: Town) -> None:
    """Made, changed, disputed, moved, undone and erased together: as if one after the other."""
    first, second = two(town)
    town.linked("o-9", "13700137000")
    answers = town.batch(
        town.conclude("o-9", policy=REVIEW),
        town.conclude("o-9", policy=REVIEW),
        town.conclude("o-9", policy=MOVE),
        Read(account=id_of(first), by="test"),
        Erase(account=id_of(first), by="test"),
        town.conclude("o-1"),
        Read(account=id_of(first), by="test"),
        Erase(account=id_of(second), by="test"),
        town.conclude("d-1", OTHER, platform="douyin", app="tt1"),
    )
    one, again, moved, account, erased, joined, gone, _, new = answers
    assert one.outcome.dispute == again.outcome.dispute != moved.outcome.dispute
    assert moved.outcome.link == "moved"
    assert (account.masked, erased.logins) == (None, 2)
    assert (joined.outcome.link, joined.outcome.account) == ("joined", moved.outcome.account)
    assert isinstance(gone, NoSuchAccount)
    assert new.outcome.link == "new"
    assert [
        len(town.dump()[each]) for each in ("accounts", "identities", "numbers", "phones", "salts", "disputes")
    ] == [*(2, 3, 2, 2, 2, 0)]


def test_what_fails_half_way_writes_nothing(town: Town) -> None:
    """What cannot be unsealed is found when other rows were changed already. The others of the batch go on."""
    first, second = two(town)
    change(town.settings, "UPDATE {}accounts SET external = ? WHERE place = ?", b"\x01" * 60, id_of(second))
    third = account_of(town.linked("o-3", "13700137000"))
    before = town.dump()
    answers = town.batch(
        SetUser(account=id_of(third), user="before", by="test"),
        Merge(account=id_of(first), other=id_of(second), proofs=of_both(town), by="test"),
        SetUser(account=id_of(third), user="after", by="test"),
    )
    assert [type(each) for each in answers] == [type(None), StoreUnreadable, type(None)]
    assert read(town, third).user == "after"
    after = town.dump()
    assert {name for name, rows in after.items() if rows != before[name]} == {"accounts"}
    assert len([row for row in after["accounts"] if row not in before["accounts"]]) == 1


@pytest.mark.parametrize("then", ["claim", "withdraw", "erase"])
def test_an_account_that_is_made_in_a_batch_can_be_used_in_it(town: Town, then: str) -> None:
    """Its id is another one whenever the batch reads more rows; nobody has written any that name it."""
    steps: dict[str, Any] = {
        "claim": lambda: town.conclude("d-1", platform="douyin", app="tt1", bound=False, policy=REVIEW),
        "withdraw": lambda: Withdrawn(
            "wechat:wx1", "wechat", "shop", Subject(openid="o-1"), "authorization", "unlink", town.wall, "k"
        ),
        "erase": lambda: Withdrawn(
            "wechat:wx1", "wechat", "shop", Subject(openid="o-1"), "account", "erase", town.wall, "k"
        ),
    }
    made, found = town.batch(town.conclude("o-1", consent=CONSENT), steps[then]())
    account = account_of(made.outcome)
    if then == "claim":
        assert found.outcome.link == "review"
        assert read(town, account).phone_number == f"+86{MINE}"
    elif then == "withdraw":
        assert found
        assert read(town, account).phone_number is None
    else:
        assert found
        assert town.dump()["accounts"] == []


# --- beside another process ---


STEPS = range(1, 10)
"""Statements of a batch that read, after which another process gets its turn: all that a verb has, and more."""


@pytest.fixture(params=("postgresql", "mysql"))
def city(request: pytest.FixtureRequest, migrated: dict[str, StoreSettings]) -> Iterator[Town]:
    """A database where another process may write between two statements of a batch: SQLite begins with a lock."""
    settings = migrated[request.param]
    empty(settings)
    found = Town(settings)
    yield found
    found.close()


def erase(town: Town, account: str) -> None:
    town.run(accounts.erase(account, by="test"))


def beside(town: Town, step: Any, after: int, meanwhile: Callable[[], object]) -> Any:
    """Answer a step while another process does something; return None if the step was answered before that."""
    done: list[object] = []
    (found,) = town.batch(step, after=after, meanwhile=lambda: done.append(meanwhile()))
    assert done or after > 2, "another process never got its turn"
    return found if done else None


def test_a_number_that_changes_while_it_is_read_is_one_of_the_two(city: Town) -> None:
    """Never none, and never a mixture."""
    account = account_of(city.linked("o-1"))
    for after in STEPS:
        numbers = f"1370013{after:04}", f"1380013{after:04}"
        city.linked("o-1", numbers[0])
        step = Read(account=id_of(account), reveal=True, by="test")
        found = beside(city, step, after, partial(city.linked, "o-1", numbers[1]))
        if found is None:
            return
        assert found.phone_number in {f"+86{number}" for number in numbers}


def test_an_account_that_ends_while_it_is_read_is_whole_or_gone(city: Town) -> None:
    """A merge gives away all its logins, and its number."""
    for after in STEPS:
        first = account_of(city.linked(f"o-{after}", f"1370013{after:04}"))
        second = account_of(city.linked(f"d-{after}", f"1380013{after:04}", unionid=f"u-{after}"))
        proofs = proof(city, login(f"o-{after}")), proof(city, login(f"d-{after}"))
        step = Read(account=id_of(second), by="test")
        found = beside(city, step, after, partial(merge, city, first, second, *proofs))
        if found is None:
            return
        assert isinstance(found, NoSuchAccount) or (len(found.logins), found.masked is None) == (2, False)


@pytest.mark.parametrize("known", [True, False])
def test_no_dispute_about_a_number_outlives_its_holder(city: Town, known: bool) -> None:
    """Erased at any moment while a claim is written down, it takes the claim with it or the claim finds it gone."""
    for after in STEPS:
        number = f"1370013{after:04}"
        holder = account_of(city.linked(f"h-{after}", number, bound=False))
        if known:
            city.linked(f"c-{after}", f"1380013{after:04}")
        step = city.conclude(f"c-{after}", number, policy=REVIEW)
        found = beside(city, step, after, partial(erase, city, holder))
        if found is None:
            return
        assert found.outcome.link in {"review", "new", "linked"}
        assert [row for row in city.dump()["disputes"] if id_of(holder) in row] == []


def test_nothing_is_left_of_a_claimant_who_is_erased_meanwhile(city: Town) -> None:
    """The same of the other side."""
    for after in STEPS:
        number = f"1370013{after:04}"
        city.linked(f"h-{after}", number, bound=False)
        claimant = account_of(city.linked(f"c-{after}", f"1380013{after:04}", consent=CONSENT))
        step = city.conclude(f"c-{after}", number, policy=REVIEW, consent=CONSENT)
        found = beside(city, step, after, partial(erase, city, claimant))
        if found is None:
            return
        assert found.outcome.link == "review"
        assert [row for row in city.dump()["disputes"] if id_of(claimant) in row] == []
        assert found.outcome.account != claimant or len(city.dump()["erasures"]) == 0


@pytest.mark.parametrize("merges_first", [True, False])
def test_a_request_to_erase_is_never_lost_in_a_merge(city: Town, merges_first: bool) -> None:
    """Both at one moment: the merge finds the request, or the request finds nobody. Else a merged person stays."""
    for after in STEPS:
        first = account_of(city.linked(f"o-{after}", f"1370013{after:04}"))
        second = account_of(city.linked(f"d-{after}", f"1380013{after:04}"))
        proofs = proof(city, login(f"o-{after}")), proof(city, login(f"d-{after}"))
        asks = Erase(account=id_of(second), later=True, by="test")
        merges = Merge(account=id_of(first), other=id_of(second), proofs=proofs, by="test")
        failures: list[HaomaError] = []

        def meanwhile(step: Any = asks if merges_first else merges, failures: list[HaomaError] = failures) -> None:
            try:
                city.ask(step)
            except HaomaError as error:
                failures.append(error)

        found = beside(city, merges if merges_first else asks, after, meanwhile)
        if found is None:
            return
        failures += [found] if isinstance(found, HaomaError) else []
        assert [type(each) for each in failures] in ([ErasurePending], [NoSuchAccount])


def test_errors_of_arguments() -> None:
    """A mistake in the program is told as one."""
    with pytest.raises(WrongArgument):
        accounts.resolve(NOBODY, "delete", by="test")
    flow = accounts.merge(NOBODY, NOBODY, by="test", proofs=(("app", "session"),) * 9)  # type: ignore[arg-type]
    with pytest.raises(HaomaError):
        next(flow)
