"""Which tier a test belongs to, what each tier may take, and which files begin first."""

from __future__ import annotations

import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

BUDGETS = {"unit": 60, "process": 90, "db": 90}
"""Seconds of a run on two quiet cores. A budget that is exceeded is printed, and fails nothing."""

FIXTURES = {"port", "receiver", "serving", "simulator"}
"""What starts a process or listens on a socket."""

PROCESS: dict[str, str] = {
    "cli/test_commands.py": "test_broken_pipe test_console_script test_interrupt test_open_with_a_login_code"
    " test_serve_without_the_server_extra test_a_terminal_without_chinese",
    "cli/test_key_commands.py": "test_a_bar_on_a_terminal test_a_vault_makes_the_key",
    "cli/test_people_commands.py": "test_an_import_that_was_killed_is_run_again"
    " test_a_process_of_an_import_that_is_killed",
    "cli/test_usage_command.py": "",
    "cli/test_store_commands.py": "test_without_a_database_there_is_nothing_to_look_at",
    "client/test_client.py": "test_plain_http_only_where_it_was_permitted",
    "client/test_what_a_report_shows.py": "",
    "client/test_shared_client.py": "test_a_caller_that_leaves_loses_nothing test_a_child_of_multiprocessing_is_told_so"
    " test_a_fork_is_noticed test_a_loop_for_each_call test_several_loops_at_once",
    "conformance": "",
    "doctor/test_doctor_commands.py": "test_a_quota_that_is_not_told_is_not_silence test_a_token_that_dies_at_once_is_a_war"
    " test_the_clock_is_compared_with_the_platforms",
    "doctor/test_doctor_survives.py": "test_a_thousand_folders_in_each_other",
    "forks": "",
    "independent": "",
    "integrations": "",
    "interop/test_alipay_sdk.py": "",
    "io/test_io_addresses.py": "",
    "io/test_io_circuit.py": "",
    "io/test_io_http.py": "",
    "io/test_io_limits.py": "",
    "io/test_io_memory.py": "test_a_child_holds_and_awaits_nothing_of_its_parent"
    " test_a_child_knows_what_was_kept_and_used_before_the_fork test_a_table_in_a_child_is_as_large_as_before",
    "io/test_io_process.py": "test_a_system_that_does_not_fork test_each_process_has_a_value_of_its_own"
    " test_what_belonged_to_another_process_is_let_go",
    "io/test_io_signals.py": "test_an_interrupted_call_settles_and_closes test_an_interruption_of_long_ago_is_not_ours"
    " test_an_interrupted_wait_for_a_connection_lets_the_exception_pass",
    "io/test_io_tls.py": "",
    "laws/test_gcra.py": "test_a_time_of_another_clock_is_full_and_no_more test_valkey_counts_the_same",
    "laws/test_said_over_http.py": "",
    "platforms/test_made_up_platform.py": "",
    "platforms/test_registry.py": "",
    "promises/test_docs.py": "test_every_way_of_the_table_comes_out test_the_commands_of_the_readme_run"
    " test_the_python_of_the_readme_runs test_the_service_of_the_readme_answers",
    "promises/test_imports.py": "test_import_contracts",
    "promises/test_proofs.py": "test_the_tables_are_fresh",
    "promises/test_public_api.py": "test_import_brings_little test_opening_offline_brings_no_network",
    "promises/test_settings.py": "test_a_type_checker_knows_the_settings",
    "promises/test_words.py": "test_the_pages_are_fresh",
    "promises/test_words_files.py": "test_nothing_is_read_before_it_is_said",
    "service/test_accounts.py": "",
    "service/test_service_connection.py": "",
    "service/test_service_crowd.py": "test_connections_that_come_again_and_again test_hardly_any_files"
    " test_silent_connections_do_not_stop_the_service",
    "service/test_service_exchange.py": "test_a_request_that_takes_too_long test_an_answer_in_time"
    " test_when_an_address_may_come_again test_when_to_come_again",
    "service/test_service_http.py": "",
    "service/test_service_limits.py": "test_a_platform_that_fails_is_refused_by_name"
    " test_a_valkey_that_dies_under_load",
    "service/test_service_process.py": "",
    "service/test_service_reload.py": "",
    "service/test_service_traces.py": "",
    "service/test_service_refused.py": "test_addresses_that_belong_together",
    "service/test_service_valkey.py": "",
    "settings/test_no_values.py": "test_serve_and_warnings_of_a_process",
    "simulator": "",
    "system": "",
}
"""Folders and files with such tests: all of them, or the functions that are named. A test that is not here and uses none
of `FIXTURES` is a unit test, and fails if it starts a process or touches a socket."""

DATABASE = {
    "store",
    "answerers/test_sqlite.py",
    "answerers/test_postgres.py",
    "answerers/oceanbase.py",
    "answerers/test_mariadb.py",
    "answerers/test_portable.py",
    "answerers/test_swept.py",
}
"""Folders and files whose tests need a database."""

WEIGHTS = {
    "store/test_upgrade.py": 45,
    "store/test_outbox.py": 40,
    "store/test_sweep.py": 35,
    "laws/test_envelopes.py": 81,
    "system/test_vectors.py": 70,
    "service/test_service_process.py": 67,
    "service/test_service_refused.py": 40,
    "laws/test_session_keys.py": 32,
    "forks/test_forks.py": 32,
    "laws/test_splices.py": 30,
    "conformance/test_conformance.py": 40,
    "promises/test_docs.py": 24,
    "system/test_canary.py": 19,
    "simulator/test_simulator_server.py": 18,
    "cli/test_commands.py": 18,
    "simulator/test_demo.py": 18,
    "service/test_service_crowd.py": 18,
    "laws/test_kept_bytes.py": 17,
    "promises/test_imports.py": 16,
    "system/test_concurrency.py": 16,
    "settings/test_no_values.py": 14,
    "independent/test_independent_five_platforms.py": 13,
    "service/test_service_http.py": 12,
    "service/test_service_webhooks.py": 14,
    "doctor/test_doctor_frontend.py": 12,
    "doctor/test_doctor_repeats.py": 11,
    "integrations/test_contract.py": 15,
    "integrations/test_tutorials.py": 12,
    "integrations/django/test_django_login.py": 11,
    "io/test_io_http.py": 11,
    "io/test_io_interleavings.py": 11,
    "platforms/test_registry.py": 10,
    "independent/test_independent_wechat_and_alipay.py": 10,
    "system/test_padding_oracle.py": 10,
    "promises/test_words.py": 9,
    "independent/test_independent_replies.py": 9,
    "laws/test_strict.py": 8,
    "platforms/test_made_up_platform.py": 7,
    "platforms/alipay/test_alipay_isv.py": 7,
    "cli/test_visible.py": 7,
    "interop/test_peers.py": 7,
    "doctor/test_doctor_logins.py": 6,
    "doctor/test_doctor_commands.py": 6,
    "doctor/test_doctor_captures.py": 6,
    "service/test_service_connection.py": 6,
}
"""Seconds of the files that take longest, roughly: the longest begin first, so that none of them is the last."""

_WATCHED = {
    "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "socket.bind", "socket.connect", "subprocess.Popen",
}  # fmt: skip


def tier_of(path: str, function: str, fixtures: Iterable[str]) -> str:
    """Return the tier of a test.

    Args:
        path: Of its file, from ``tests`` on.
        function: Its name without parameters.
        fixtures: All that it uses.
    """
    if not DATABASE.isdisjoint((path, path.partition("/")[0])):
        return "db"
    if not FIXTURES.isdisjoint(fixtures):
        return "process"
    named = PROCESS.get(path, PROCESS.get(path.partition("/")[0]))
    return "process" if named is not None and function in (named.split() or [function]) else "unit"


class Watch:
    """Sees what a unit test may not do. A hook of the interpreter cannot be taken away, so there is one."""

    seen: set[str] | None = None
    """What the test that runs has done; None between tests and for tests of other tiers."""

    @classmethod
    def hook(cls, event: str, args: tuple[Any, ...]) -> None:
        if event not in _WATCHED or cls.seen is None or threading.current_thread() is not threading.main_thread():
            return
        if event.startswith("socket") and not isinstance(args[1], tuple):
            return  # a Unix socket
        cls.seen.add(event)


def watch() -> None:
    """Begin to see, once in a process."""
    if not getattr(sys, "_haoma_watched", False):
        sys._haoma_watched = True  # type: ignore[attr-defined]
        sys.addaudithook(Watch.hook)


class Taken:
    """What the tests took, for the table at the end.

    Args:
        workers: How many ran at the same time.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._tests: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._files: defaultdict[str, float] = defaultdict(float)

    def add(self, report: pytest.TestReport) -> None:
        tier = dict(report.user_properties).get("tier")
        if tier is None:
            return
        self._tests[str(tier)] += report.when == "teardown"
        self._seconds[str(tier)] += report.duration
        self._files[Path(report.nodeid.partition("::")[0]).as_posix()] += report.duration

    def lines(self) -> list[str]:
        if not self._tests:
            return []
        found = ["tier      tests  seconds in tests  of the run  budget"]
        for tier, budget in BUDGETS.items():
            if not self._seconds[tier]:
                continue
            share = self._seconds[tier] / self._workers
            over = f"  exceeded by {share - budget:.0f} s" if share > budget else ""
            found.append(
                f"{tier:8} {self._tests[tier]:6} {self._seconds[tier]:15.0f} s {share:9.0f} s {budget:5} s{over}"
            )
        found.append(f"Of the run is what {self._workers} worker(s) at a time make of it. Slowest files:")
        slowest = sorted(self._files.items(), key=lambda file: -file[1])[:5]
        return found + [f"{seconds:8.1f} s  {name}" for name, seconds in slowest]
