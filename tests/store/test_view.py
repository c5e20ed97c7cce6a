"""What decisions see of the rows of a batch: what was read, what those before them did, and what must be read first."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from haoma.store.rows import CONSENTS, KEPT, TRIES, Kept, Row, Table, Tried
from haoma.store.view import Unread, View

ONE, TWO, NONE = b"1" * 32, b"2" * 32, b"0" * 32


def kept(place: bytes, version: int, value: bytes = b"") -> Kept:
    return Kept(place, version, "owner", "kind", value, 0)


def view(rows: dict[tuple[Table, bytes], Row] | None = None, asked: Any = (), sought: Any = None) -> View:
    found = View(1000, itertools.count(7).__next__, rows or {}, asked, sought or {})
    found.begin()
    return found


def unread(ask: Any, *arguments: Any) -> tuple[list[Any], list[Any]]:
    with pytest.raises(Unread) as caught:
        ask(*arguments)
    assert str(caught.value) == ""  # nothing of a row
    return list(caught.value.rows), list(caught.value.sought)


def test_a_row_is_at_the_first_place_that_has_one() -> None:
    """It stays there when it is written again; a new one goes to the first place."""
    found = view({(KEPT, ONE): kept(ONE, 1), (KEPT, TWO): kept(TWO, 2)})
    assert found.get(KEPT, (NONE, TWO, ONE)) == kept(TWO, 2)
    assert found.get(TRIES, (NONE, TWO, ONE)) is None
    assert found.place(KEPT, (NONE, TWO, ONE)) == TWO
    assert found.place(TRIES, (NONE, TWO, ONE)) == NONE
    found.drop(KEPT, TWO)
    assert found.get(KEPT, (NONE, TWO, ONE)) == kept(ONE, 1)
    assert (found.now, found.fence(), found.read[KEPT, TWO]) == (1000, 7, kept(TWO, 2))


def test_a_decision_that_fails_leaves_nothing() -> None:
    """Neither rows nor lines of the audit log; what those before it did stays."""
    found = view({(KEPT, ONE): kept(ONE, 1), (KEPT, TWO): kept(TWO, 2)}, asked={(KEPT, NONE)})
    found.put(KEPT, kept(ONE, 3))
    found.drop(KEPT, TWO)
    found.put(KEPT, kept(NONE, 4))
    found.audit("first", "me", app="shop")
    before = dict(found.rows)
    found.begin()
    for version in (5, 6):
        found.put(KEPT, kept(ONE, version))
        found.put(KEPT, kept(TWO, version))
        found.put(KEPT, kept(NONE, version))
        found.put(TRIES, Tried(ONE, version, b"", 0))
        found.audit("second", "me")
    found.drop(KEPT, ONE)
    found.undo()
    assert (found.rows, found.entries) == (before, [("first", "me", {"app": "shop"})])
    assert (TRIES, ONE) not in found.rows  # what was not read is not known to be absent
    assert unread(found.need, TRIES, ONE) == ([(TRIES, ONE)], [])


def test_what_a_decision_learns_of_is_read_first() -> None:
    """A row counts as known if it was read, looked for in vain, or written by those before."""
    found = view({(KEPT, ONE): kept(ONE, 1)}, asked={(KEPT, ONE), (KEPT, NONE)})
    assert found.need(KEPT, ONE) == kept(ONE, 1)
    assert found.need(KEPT, NONE) is None
    assert unread(found.need, KEPT, TWO) == ([(KEPT, TWO)], [])
    assert unread(found.need, TRIES, ONE) == ([(TRIES, ONE)], [])
    assert found.need_all(KEPT, (NONE, ONE)) == [kept(ONE, 1)]
    assert unread(found.need_all, KEPT, (NONE, TWO, ONE, b"3")) == ([(KEPT, TWO), (KEPT, b"3")], [])
    found.put(KEPT, kept(TWO, 2))
    assert found.need(KEPT, TWO) == kept(TWO, 2)
    assert found.need_all(KEPT, (TWO, NONE, ONE)) == [kept(TWO, 2), kept(ONE, 1)]
    found.drop(KEPT, TWO)
    assert found.need(KEPT, TWO) is None
    assert found.need_all(KEPT, (TWO, ONE)) == [kept(ONE, 1)]


def test_rows_that_are_looked_for_by_a_column() -> None:
    """As they are now: written, changed or deleted by those before as well, and each once."""
    rows: dict[tuple[Table, bytes], Row] = {(KEPT, ONE): kept(ONE, 1, b"a"), (KEPT, TWO): kept(TWO, 2, b"b")}
    found = view(rows, sought={(KEPT, "value", b"a"): (ONE,), (KEPT, "value", b"b"): (TWO,)})
    assert unread(found.find, KEPT, "value", b"c") == ([], [(KEPT, "value", b"c")])
    assert unread(found.find, KEPT, "kind", b"a") == ([], [(KEPT, "kind", b"a")])
    assert unread(found.find, CONSENTS, "account", b"a") == ([], [(CONSENTS, "account", b"a")])
    assert found.find(KEPT, "value", b"a") == [kept(ONE, 1, b"a")]
    found.put(KEPT, kept(TWO, 3, b"a"))
    found.put(KEPT, kept(NONE, 4, b"a"))
    found.put(TRIES, Tried(TWO, 5, b"a", 0))
    assert found.find(KEPT, "value", b"a") == [kept(ONE, 1, b"a"), kept(TWO, 3, b"a"), kept(NONE, 4, b"a")]
    assert found.find(KEPT, "value", b"b") == []
    found.drop(KEPT, ONE)
    found.drop(KEPT, NONE)
    assert found.find(KEPT, "value", b"a") == [kept(TWO, 3, b"a")]
