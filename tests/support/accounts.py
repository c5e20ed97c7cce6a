"""A store that keeps accounts, and authorizations as the platforms' flows conclude them."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Generator
from typing import Any

from haoma.io import blocking
from haoma.io.http import Http
from haoma.link import STANDARD, LinkPolicy
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Conclude, Concluded, Consent, Flow, Outcome, Reserve, Reserved
from haoma.store.accounts.records import Records, event_body
from haoma.store.audit.lanes import AuditKeys
from haoma.store.batch import Fences, Job
from haoma.store.batch import run as run_batch
from haoma.store.config import StoreSettings, format_key
from haoma.store.decisions import Decisions
from haoma.store.flows import ask_blocking
from haoma.store.keys.numbers import BlindIndex, NumberSealer
from haoma.store.rows import AUDIT, TABLES, Event
from haoma.store.sealing import Sealer, StoreKey
from haoma.store.store import Store
from haoma.verified import Assurance, Check, CheckName, Subject, VerifiedPhone
from support.store_rows import engine_at
from support.stores import KEYS

NUMBER_KEYS = (StoreKey(1, b"canary-number-key-of-32-bytes-ok"),)
PEPPERS = (StoreKey(1, b"canary-number-pepper-of-32-bytes"),)
_codes = itertools.count(1)


def records(tenant: str, peppers: tuple[StoreKey, ...] = PEPPERS, *, tells: bool = True) -> Records:
    """Return the rows of accounts of a tenant."""
    return Records(Sealer(KEYS, tenant), NumberSealer(NUMBER_KEYS, tenant), BlindIndex(peppers, tenant), tells=tells)


def key(name: str, secret: bytes = b"") -> str:
    """Return a key as it stands in the settings: a given one, or one that is made of a name."""
    return format_key(StoreKey(1, secret or name.encode().ljust(32, b".")))


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


class Town:
    """A tenant with a clock that the test holds.

    Attributes:
        entries: What the last `batch` wrote into the audit log.
    """

    def __init__(self, settings: StoreSettings, tenant: str = "default", audit: AuditKeys | None = None) -> None:
        self.wall = 1_800_000_000.0
        self.tenant = tenant
        self.entries: list[tuple[str, str, dict[str, str]]] = []
        self.settings = settings
        self.engine = engine_at(settings, lambda: round(self.wall * 1e6), tenant)
        self.records = records(tenant)
        self.store = Store(self.engine, Sealer(KEYS, tenant), self.records, audit)

    def close(self) -> None:
        self.store.close()

    def ask(self, step: Any) -> Any:
        return self.store.answer(step, [])

    def run(self, flow: Flow[Any]) -> Any:
        """Run a flow, as a client does."""
        return blocking.run(flow, blocking.World(Http(), self.store))

    def batch(self, *steps: Any, after: int = -1, meanwhile: Callable[[], object] | None = None) -> list[Any]:
        """Answer steps in one batch; return the answers and failures.

        Args:
            steps: The steps.
            after: After how many statements that read another process gets its turn. Not on SQLite, where a batch begins
                with a lock.
            meanwhile: What it does.
        """
        decisions = Decisions(Sealer(KEYS, self.tenant), 30, 12, self.records)
        jobs = [Job(step, decisions.prepare(step), []) for step in steps]

        def flow(connection: Any) -> Generator[Any, Any, None]:
            batch = run_batch(jobs, connection, Fences(7))
            answer, failure, reads = None, None, 0
            while True:
                try:
                    asked = batch.send(answer) if failure is None else batch.throw(failure)
                except StopIteration as end:
                    self.entries = end.value.entries
                    return
                answer, failure = None, None
                try:
                    answer = yield asked
                except Exception as error:  # noqa: BLE001 - the batch decides what it means
                    failure = error
                if getattr(asked, "__name__", "") in {"read", "find"}:
                    reads += 1
                    if reads == after and meanwhile is not None:
                        meanwhile()

        ask_blocking(self.engine, flow)
        return [job.failure or job.answer for job in jobs]

    def events(self) -> list[dict[str, Any]]:
        """Return what the application is told, in order, without the tenant."""
        sealer, found = Sealer(KEYS, self.tenant), []
        for row in sorted(self.dump()["outbox"], key=lambda row: row[2]):
            event = json.loads(event_body(sealer, Event(*row[1:])))
            found.append({"type": event["type"], **event["data"]})
            del found[-1]["tenant"]
        return found

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of this tenant but those of the audit log."""
        prefix = self.settings.table_prefix

        def flow(connection: Any) -> Generator[Any, Any, dict[str, list[tuple[Any, ...]]]]:
            found = {}
            for table in TABLES:
                if table is not AUDIT:
                    text = f"SELECT * FROM {prefix}{table.name} WHERE tenant = ? ORDER BY place"  # noqa: S608
                    found[table.name] = [
                        tuple(map(_plain, row)) for row in (yield connection.select(text, [self.tenant]))
                    ]
            return found

        return ask_blocking(self.engine, flow)

    def authorize(self, *arguments: Any, **named: Any) -> Outcome:
        """Verify a number for a login, with a code of its own; return the outcome that counts."""
        concluded = self.ask(self.conclude(*arguments, **named))
        assert isinstance(concluded, Concluded)
        return concluded.outcome

    def conclude(
        self,
        openid: str = "",
        number: str = "13800138000",
        *,
        unionid: str = "",
        platform: str = "wechat",
        app: str = "wx1",
        bound: bool = True,
        policy: LinkPolicy = STANDARD,
        consent: Consent | None = None,
        assurance: Assurance = Assurance.PLATFORM,
        after_reserved: Callable[[], None] = lambda: None,
    ) -> Conclude:
        """Reserve a code; return the step that concludes its authorization."""
        subject = Subject(openid=openid, unionid=unionid) if openid or unionid else None
        checks = (Check(CheckName.LOGIN_BINDING, bound, "as the test says"),)
        phone = VerifiedPhone(PhoneNumber("86", number), platform, app, subject, checks, assurance)
        scope = f"{platform}:{app}"
        reserved = self.ask(Reserve(scope, "code", Secret(f"code-{next(_codes)}-{os.getpid()}"), b"mine", 600))
        assert isinstance(reserved, Reserved)
        after_reserved()
        return Conclude(scope, reserved.ref, phone, consent, policy, "caller-1")

    def linked(self, *arguments: Any, **named: Any) -> VerifiedPhone:
        """Authorize, and expect a number."""
        found = self.authorize(*arguments, **named)
        assert isinstance(found, VerifiedPhone), found
        return found
