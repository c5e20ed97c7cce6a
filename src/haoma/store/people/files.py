"""Files of people: their lines, in parts, and what is written to one."""

from __future__ import annotations

import csv
import os
from codecs import BOM_UTF8
from io import TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TextIO

from haoma.store.people.importing import BATCH
from haoma.store.people.reading import COLUMNS, Why
from haoma.store.people.working import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

_NEEDED: Final = frozenset({"phone_number", "openid", "unionid", "user_id"})


class NotReadable(Exception):
    """This is no file of people.

    Attributes:
        why: ``header`` or ``encoding``.
        fact: The columns that are not known.
    """

    def __init__(self, why: str, fact: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.fact = fact


def lines_of(path: Path, refuse: Callable[[int, str], None], *, batch: int = BATCH) -> Iterator[Lines]:
    """Return the lines of a file of CSV, or of JSON lines if its name says so (``.jsonl``, ``.ndjson``, ``.json``).

    Args:
        path: The file.
        refuse: Is told of lines that cannot be read at all.
        batch: How many lines belong together.

    Raises:
        NotReadable: The file has no header, or unknown columns in it, or it is not UTF-8.
        OSError: It cannot be read.
    """
    if path.suffix.lower() not in {".jsonl", ".ndjson", ".json"}:
        yield from csv_lines(path, COLUMNS, frozenset(), refuse, batch=batch)
        return
    with path.open("rb") as file:
        if file.read(3) != BOM_UTF8:
            file.seek(0)
        numbered = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        while found := tuple(islice(numbered, batch)):
            yield Lines((), found, file.tell())


def csv_lines(
    path: Path, known: Sequence[str], needed: AbstractSet[str], refuse: Callable[[int, str], None], *, batch: int
) -> Iterator[Lines]:
    """Return the lines of a file of CSV with a header.

    Args:
        path: The file.
        known: The columns that it may have.
        needed: Those that it must have. If there are none it needs one that says who somebody is.
        refuse: See `lines_of`.
        batch: See `lines_of`.

    Raises:
        NotReadable: See `lines_of`.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file, TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            header = tuple(name.strip().lower() for name in next(reader, []))
            if unknown := sorted(set(header) - set(known)):
                raise NotReadable("header", ", ".join(unknown))
            whole = needed <= set(header) if needed else bool(_NEEDED & set(header))
            if not whole or len(set(header)) != len(header):
                raise NotReadable("header")
            rows = _rows(reader, refuse)
            while some := tuple(islice(rows, batch)):
                yield Lines(header, some, file.tell())
        except (UnicodeDecodeError, csv.Error):
            raise NotReadable("encoding") from None


def _rows(reader: Any, refuse: Callable[[int, str], None]) -> Iterator[tuple[int, list[str]]]:
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            refuse(line, Why.NOT_CSV.value)
            continue
        if row:
            yield line, row


def private(path: Path) -> TextIO:
    """Make a file that only its owner can read, and open it. Raises OSError: also if it is there already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
