"""``haoma import`` and ``haoma export``: many people into the store and out of it."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

import typer

from haoma.cli.db import JsonOption, ask, done
from haoma.cli.output import REFUSED, ConfigOption, LangOption, language, line, misused, progress, write, write_json
from haoma.cli.store import BY, TenantOption, kept_accounts
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    from haoma.accounts import Account
    from haoma.cli.store import Kept
    from haoma.store.people.importing import Imported
    from haoma.store.people.working import Plan

_SMALL: Final = 1 << 20
"""Bytes of a file for which no further process is started."""
_MOST_PROCESSES: Final = 4

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, or JSON lines (.jsonl).")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.")]


class Format(StrEnum):
    """How one person is exported."""

    JSON = "json"
    HTML = "html"


def import_people(
    file: FileArgument,
    config: ConfigOption = "haoma.toml",
    tenant: TenantOption = "",
    trust_bound: Annotated[
        bool,
        typer.Option("--trust-bound", help="Believe where the file says that a platform tied the number to the login."),
    ] = False,
    verified_at: Annotated[
        str, typer.Option("--verified-at", metavar="DATE", help="When numbers were verified that have no such date.")
    ] = "",
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Where lines that are refused are listed.")
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=0, max=64, help="How many processes; 0: as fits this computer.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Import people: numbers, logins, your own user ids and consents.

    CSV has a header with some of these columns: phone_number, user, app, openid, unionid, user_id, verified_at, bound,
    consent_policy, consent_scene, consent_at. JSON lines have the same names, or are what haoma export --all wrote.
    app is a name in haoma.toml. A number is +8613800138000, or 11 digits for the mainland.

    Nobody is imported twice, so an import that was interrupted is simply run again. No number is taken from anybody: a
    line in conflict with what is there is refused, and listed with its reason.

    \b
    Examples:
        $ haoma import people.csv --dry-run
        $ haoma import people.csv --report refused.csv

    \b
    Exit codes:
        0    everybody is imported
        1    some lines were refused, or the database cannot be reached
        2    usage error, unreadable file or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.store.people.files import NotReadable

    words = language(lang)
    kept = kept_accounts(config, tenant, words)
    plan = _plan(kept, words, trust_bound=trust_bound, verified_at=verified_at, dry_run=dry_run)
    listed = list_of_refusals(file, report, words)
    try:
        total = file.stat().st_size
        count = processes or (1 if total < _SMALL else min(os.cpu_count() or 1, _MOST_PROCESSES))
        with Refusals(listed, words) as refusals:
            imported = done(lambda: _imported(plan, file, total, count, refusals, words), config, words)
    except NotReadable as error:
        told = text("people", f"file.{error.why}", words, file=file.name, columns=error.fact or "-")
        raise misused(words, told) from None
    except OSError as error:
        name = Path(error.filename or file).name
        raise misused(words, text("cli", "cannot-read", words, file=name, reason=error.strerror)) from None
    counts = {"new": imported.new, "added": imported.added, "known": imported.known, "refused": refusals.count}
    if not dry_run:
        done(lambda: _noted(kept, "import", counts), config, words)
    told = text("people", "would-import", words, **counts) if dry_run else text("people", "imported", words, **counts)
    tell_counts(counts, listed, words, told, as_json=as_json, dry_run=dry_run)


def export(
    config: ConfigOption = "haoma.toml",
    tenant: TenantOption = "",
    account: Annotated[str, typer.Option("--account", metavar="ID", help="Everything about one person.")] = "",
    everybody: Annotated[bool, typer.Option("--all", help="Everybody, as JSON lines, with full numbers.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A new file, for its owner alone.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="One person: JSON, or a page to read in the language of --lang.")
    ] = Format.JSON,
    reason: ReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Export one person for that person, or everybody for leaving haoma.

    Both hold full numbers, so they need a reason, and are in the audit log. haoma import reads what --all wrote.

    \b
    Examples:
        $ haoma export --account 0191f1f0-… --reason "asked on 1 December" --format html -o person.html
        $ haoma export --all --reason "moving out" -o everybody.jsonl

    \b
    Exit codes:
        0    exported
        1    there is no such account, some cannot be read, the answer was no, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    if everybody == bool(account) or (everybody and output is None):
        raise misused(words, text("people", "which", words))
    if not reason.strip():
        raise misused(words, text("people", "reason", words))
    kept = kept_accounts(config, tenant, words)
    if not everybody:
        found = done(lambda: _one(kept, account, reason), config, words)
        shown = _page(found, words) if form is Format.HTML else _json(found)
        if output is None:
            write(shown)
        else:
            with new_file(output, words) as file:
                file.write(shown + "\n")
        return
    assert output is not None  # noqa: S101
    if not yes:
        ask(text("people", "ask", words, file=output.name), words)
    with new_file(output, words) as file:
        total, broken = done(lambda: _all(kept, file, reason), config, words)
    if as_json:
        write_json({"accounts": total, "unreadable": len(broken)})
    else:
        write(text("people", "exported", words, count=total, file=output.name))
        if broken:
            line("error", text("people", "unreadable", words, count=len(broken)), words, "red")
    if broken:
        raise typer.Exit(REFUSED)


# --- import


def _plan(kept: Kept, lang: str, *, trust_bound: bool, verified_at: str, dry_run: bool) -> Plan:
    from haoma.io import clock
    from haoma.store.people.reading import ImportedApp, NotImported, Reader
    from haoma.store.people.working import Plan

    apps: dict[str, ImportedApp] = {}
    texts: dict[str, bytes] = {}
    for app in kept.settings.apps.values():
        apps[app.name] = apps[app.scope] = ImportedApp(app.platform, app.scope, app.tenant, app.policy.link)
        texts.update(app.policy.consent_texts)
    now = round(clock.now() * 1000)
    since = 0
    if verified_at:
        try:
            since = Reader({}, {}, "", now).moment(verified_at)
        except NotImported:
            raise misused(lang, text("people", "since", lang)) from None
    return Plan(kept.settings.store, kept.keys, apps, texts, kept.tenant, now, trust_bound, since, dry_run)


def _imported(plan: Plan, file: Path, total: int, processes: int, refusals: Refusals, lang: str) -> Imported:
    from haoma.store.opening import engine_of
    from haoma.store.people.files import lines_of
    from haoma.store.people.importing import Imported
    from haoma.store.people.working import import_all
    from haoma.store.version import require_schema_blocking

    require_schema_blocking(engine_of(plan.store, plan.tenant))
    counts = Imported()
    with progress(text("people", "importing", lang), total, lang) as move:
        before = 0

        def tell(done: Imported, read: int) -> None:
            nonlocal counts, before
            for each in done.refused:
                refusals.add(*each)
            counts = Imported(counts.new + done.new, counts.added + done.added, counts.known + done.known)
            move(read - before)
            before = read

        import_all(plan, lines_of(file, refusals.add), processes, tell)
    return counts


def list_of_refusals(file: Path, report: Path | None, lang: str) -> Path:
    """Return where the refused lines of a file are listed. It is never the file itself, which would be emptied."""
    listed = report or file.with_name(f"{file.name}.refused.csv")
    if listed.exists() and file.exists() and listed.samefile(file):
        raise misused(lang, text("cli", "file-exists", lang, file=listed.name))
    return listed


def tell_counts(counts: Mapping[str, int], listed: Path, lang: str, told: str, *, as_json: bool, dry_run: bool) -> None:
    """Tell what came of a file, and end with the exit code for refused lines if there are any."""
    refused = counts["refused"]
    if as_json:
        write_json({**counts, "report": str(listed) if refused else "", "dry_run": dry_run})
    else:
        write(told)
        if refused:
            line("hint", text("people", "refused", lang, file=listed), lang, "yellow")
    if refused:
        raise typer.Exit(REFUSED)


class Refusals:
    """The list of refused lines: which, and why. What stands in them is not repeated."""

    def __init__(self, path: Path, lang: str) -> None:
        self.count = 0
        self._path = path
        self._lang = lang

    def __enter__(self) -> Self:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            told = text("cli", "cannot-write", self._lang, file=self._path.name, reason=error.strerror)
            raise misused(self._lang, told) from None
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(("line", "reason", "explanation"))
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self.count:
            self._path.unlink(missing_ok=True)

    def add(self, number: int, reason: str) -> None:
        """Add a line."""
        self.count += 1
        self._rows.writerow((number, reason, text("people", f"why.{reason}", self._lang)))


def _noted(kept: Kept, what: str, counts: dict[str, int]) -> None:
    from haoma.accounts import Note

    facts = tuple((name, str(count)) for name, count in counts.items())
    asyncio.run(kept.asking(lambda answer: answer(Note(by=BY, what=what, facts=facts))))


# --- export


def _one(kept: Kept, account: str, reason: str) -> Account:
    from haoma.accounts import export as exporting

    step = next(exporting(account, by=BY, reason=reason))
    found: Account = asyncio.run(kept.asking(lambda answer: answer(step)))
    return found


def _all(kept: Kept, file: TextIO, reason: str) -> tuple[int, list[bytes]]:
    from haoma.accounts import Note
    from haoma.store.flows import ask_blocking
    from haoma.store.opening import records_of, sealer_of
    from haoma.store.people.exporting import export_all
    from haoma.store.version import reaching

    total = 0

    def tell(found: list[Account]) -> None:
        nonlocal total
        total += len(found)
        file.writelines(_json(each) + "\n" for each in found)

    # First it is noted, then it is done.
    asyncio.run(kept.asking(lambda answer: answer(Note(by=BY, reason=reason, what="export-all"))))
    engine = kept.engine
    records = records_of(sealer_of(kept.settings.store, kept.tenant), kept.keys, kept.tenant)
    with reaching():
        broken = ask_blocking(
            engine, lambda connection: export_all(connection, engine.prefix, engine.tenant, records, tell)
        )
    return total, broken


def _json(found: Account) -> str:
    import msgspec

    return msgspec.json.encode(found).decode()


def _page(found: Account, lang: str) -> str:
    from haoma.cli.person import page

    return page(found, lang)


@contextlib.contextmanager
def new_file(path: Path, lang: str) -> Iterator[TextIO]:
    """Open a new file that only its owner can read; end the command if there is one. It is removed after a failure."""
    from haoma.store.people.files import private

    try:
        file = private(path)
    except FileExistsError:
        raise misused(lang, text("cli", "file-exists", lang, file=path.name)) from None
    except OSError as error:
        told = text("cli", "cannot-write", lang, file=path.name, reason=error.strerror)
        raise misused(lang, told) from None
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)  # a part of everybody looks like everybody
        raise
