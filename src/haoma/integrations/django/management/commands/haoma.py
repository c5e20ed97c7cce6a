"""``manage.py haoma``: the commands of haoma, with this project's configuration."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from haoma.cli import app
from haoma.integrations.django.conf import options

_CONFIG: Final = "HAOMA_CONFIG"


class Command(BaseCommand):
    """Passes everything after ``haoma`` on to haoma's own command line."""

    help = "haoma's own commands: doctor, db, key, ledger, accounts, audit, ..."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command. Its exit code is the one of ``haoma``."""
        sys.exit(self.run_from_list(argv[2:], f"{os.path.basename(argv[0])} {argv[1]}"))  # noqa: PTH119

    def handle(self, *arguments: str, **_options: Any) -> None:
        """Run a command by ``call_command("haoma", "db", "upgrade")``.

        Raises:
            SystemExit: It failed.
        """
        code = self.run_from_list(list(arguments), "haoma")
        if code:
            sys.exit(code)

    def add_arguments(self, parser: Any) -> None:
        """Accept anything."""
        parser.add_argument("args", nargs=argparse.REMAINDER)

    def run_from_list(self, arguments: list[str], name: str) -> int:
        """Run haoma's command line, and return its exit code."""
        before = os.environ.get(_CONFIG)
        with _configuration() as path:
            try:
                if path:
                    os.environ[_CONFIG] = path
                app(arguments, prog_name=name)
            except SystemExit as end:
                return end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                os.environ.pop(_CONFIG, None)
                if before is not None:
                    os.environ[_CONFIG] = before
        return 0


@contextmanager
def _configuration() -> Iterator[str]:
    """Yield the path of this project's configuration; empty if it has none yet, as `key` needs none."""
    if not hasattr(settings, "HAOMA"):
        yield ""
        return
    with options().as_file() as path:
        yield path
