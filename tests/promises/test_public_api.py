"""The public names, and how little `import haoma` brings."""

import inspect
import subprocess
import sys
from enum import Enum
from typing import get_args, get_type_hints

import pytest

import haoma
from haoma import errors

HEAVY = ["uvicorn", "httptools", "starlette", "jinja2", "sqlalchemy", "alembic", "typer", "rich", "httpcore2", "phonenumbers",
         "prometheus_client", "structlog", "jwt", "cryptography", "asyncio", "haoma.service", "haoma.simulator",
         "haoma.cli", "haoma.client", "haoma.io.http"]  # fmt: skip
OFFLINE = [name for name in HEAVY if name != "cryptography"]


def loaded(code):
    """Run code in a fresh interpreter; return the modules that are loaded afterwards."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_all_is_sorted_and_whole():
    """__all__ is sorted, and dir() shows exactly it; every name is there."""
    assert haoma.__all__ == sorted(haoma.__all__)
    assert dir(haoma) == haoma.__all__
    assert all(getattr(haoma, name) is not None for name in haoma.__all__)


def test_nothing_else_is_public():
    """Apart from __all__, the namespace holds submodules and what the module itself is written with, and nothing else."""
    for name in haoma.__all__:
        getattr(haoma, name)
    rest = {
        name
        for name, value in vars(haoma).items()
        if not name.startswith("_") and name not in haoma.__all__ and not inspect.ismodule(value)
    }
    assert rest == {"annotations", "TYPE_CHECKING", "Final"}


def test_late_names_are_where_they_are_said_to_be():
    """What is imported when first used is the object of its own module, and the same every time."""
    for name, module in haoma._LATE.items():
        assert name in haoma.__all__
        assert getattr(haoma, name) is getattr(sys.modules[module], name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = haoma.nonsense


def test_the_families_of_errors_are_public():
    """Every family can be caught by its name at the top."""
    families = {cls.__name__ for cls in errors.HaomaError.__subclasses__() if not cls.code}
    assert families <= set(haoma.__all__)


def test_what_a_result_is_made_of_is_public():
    """Whatever a field of a result or of one of its parts holds can be named from the top, to annotate and compare."""
    seen = [haoma.VerifiedPhone]
    for record in seen:
        for name, hint in get_type_hints(record).items():
            if name.startswith("_"):
                continue
            parts = [part for each in (get_args(hint) or (hint,)) for part in (get_args(each) or (each,))]
            for part in parts:
                if getattr(part, "__module__", "").startswith("haoma"):
                    assert getattr(haoma, part.__name__) is part
                    seen += [part] if part not in seen and not issubclass(part, Enum) else []
    assert {record.__name__ for record in seen} == {"VerifiedPhone", "Subject", "Check"}


def test_import_brings_little():
    """`import haoma` loads no server, database, template, command-line, network or cipher code."""
    assert loaded("import haoma").isdisjoint(HEAVY)


def test_opening_offline_brings_no_network():
    """Neither does opening an envelope of a mainland number, apart from the ciphers."""
    code = """
import sys, tomllib, haoma
from pathlib import Path
case = Path("tests/vectors/alipay/success-mainland")
app = tomllib.loads((case / "app.toml").read_text("utf-8"))["apps"]["shop"]
app = haoma.configure(app.pop("platform"), **app)
assert haoma.verify_offline(app, (case / "authorization.txt").read_bytes()).e164.startswith("+86")
"""
    assert loaded(code).isdisjoint(OFFLINE)
