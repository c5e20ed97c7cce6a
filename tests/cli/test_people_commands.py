"""``haoma import``, ``export``, ``erasures`` and ``accounts``: what they print, write, ask and end with."""

from __future__ import annotations

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haoma.cli import app
from haoma.store.config import StoreSettings, format_key
from haoma.store.rows import ERASURES
from support.accounts import NUMBER_KEYS, PEPPERS
from support.crowd import rows_of
from support.store_rows import run
from support.stores import KEYS

Run = Callable[..., Any]

TOML = f"""
[apps.shop]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = "0123456789abcdef0123456789abcdef"

[apps.pay]
platform = "alipay"
app_id = "2021000000000001"
aes_key = "AAECAwQFBgcICQoLDA0ODw=="
require = []

[store]
database_url = "sqlite:///own.db"
keys = ["{format_key(KEYS[0])}"]

[accounts]
keys = ["{format_key(NUMBER_KEYS[0])}"]
peppers = ["{format_key(PEPPERS[0])}"]
audit_keys = ["7:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="]
"""
PEOPLE = """phone_number,user,app,openid,verified_at,bound
13811112222,u-1,shop,o-1,2025-03-01,yes
+85251234567,u-2,shop,o-2,2025-03-01,no
1.38E+10,u-3,shop,o-3,2025-03-01,no
13900139000,u-4,nobody,o-4,2025-03-01,no
13700137000,u-5,shop,"o-
5",2025-03-01,no
13600136000,u-6,shop,o-6,,no
"""
NUMBERS = ("13811112222", "51234567", "13900139000", "13700137000", "13600136000")


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


@pytest.fixture
def haoma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alipay_key: str) -> Run:
    """Run a command in a folder with a haoma.toml that keeps accounts."""
    monkeypatch.chdir(tmp_path)
    Path("haoma.toml").write_text(TOML.replace("require = []", f'alipay_public_key = "{alipay_key}"'), "utf-8")
    Path("people.csv").write_text(PEOPLE, "utf-8")

    def invoke(*arguments: str, sent: str | None = None) -> Any:
        found = CliRunner().invoke(app, list(arguments), input=sent)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found

    assert invoke("db", "upgrade").exit_code == 0
    return invoke


@pytest.fixture(scope="module")
def alipay_key() -> str:
    """A public key as Alipay's console shows one."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = generate_private_key(65537, 2048).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.fixture
def store() -> StoreSettings:
    return StoreSettings(database_url=f"sqlite:///{Path('own.db').absolute()}", keys=KEYS)


def everybody(haoma: Run, name: str = "all.jsonl") -> list[dict[str, Any]]:
    Path(name).unlink(missing_ok=True)
    assert haoma("export", "--reason", "a test", "--all", "-o", name, "--yes").exit_code == 0
    return [json.loads(line) for line in Path(name).read_text("utf-8").splitlines()]


def account_of(haoma: Run, user: str) -> str:
    return next(str(each["account"]) for each in everybody(haoma) if each["user"] == user)


def test_an_import_lists_what_it_refuses(haoma: Run, store: StoreSettings) -> None:
    """Counts on the screen; lines and reasons in a file for its owner alone; no number in either."""
    before = rows_of(store)
    would = haoma("import", "people.csv", "--dry-run", "--json")
    assert (would.exit_code, json.loads(would.stdout)) == (1, {
        "new": 2, "added": 0, "known": 0, "refused": 4, "report": "people.csv.refused.csv", "dry_run": True,
    })  # fmt: skip
    assert rows_of(store) == before
    done = haoma("import", "people.csv", "--report", "refused.csv")
    assert done.exit_code == 1
    assert done.stdout == "2 new accounts, 0 accounts completed, 0 unchanged; 4 lines refused.\n"
    rows = list(csv.reader(Path("refused.csv").read_text("utf-8").splitlines()))
    assert [row[:2] for row in rows] == [
        ["line", "reason"], ["4", "number"], ["5", "app"], ["6", "length"], ["8", "no-date"],
    ]  # fmt: skip
    assert stat.S_IMODE(Path("refused.csv").stat().st_mode) == 0o600
    told = done.output + Path("refused.csv").read_text("utf-8")
    assert not any(number in told for number in NUMBERS)
    again = haoma("import", "people.csv", "--verified-at", "2025-01-01", "--json", "--lang", "zh")
    assert json.loads(again.stdout) | {"report": ""} == {
        "new": 1, "added": 0, "known": 2, "refused": 3, "report": "", "dry_run": False,
    }  # fmt: skip
    assert "不是" in Path("people.csv.refused.csv").read_text("utf-8")


@pytest.mark.parametrize("command", [("import",), ("accounts", "add-logins")], ids=" ".join)
@pytest.mark.parametrize("name", ["people.csv", "./people.csv", "link.csv"])
def test_the_list_of_refusals_never_takes_the_place_of_the_people(
    haoma: Run, store: StoreSettings, name: str, command: tuple[str, ...]
) -> None:
    """The file that is read is the last one that a mistaken name may empty."""
    Path("link.csv").symlink_to("people.csv")
    before = rows_of(store)
    found = haoma(*command, "people.csv", "--report", name)
    assert (found.exit_code, "exists" in found.stderr) == (2, True)
    assert Path("people.csv").read_text("utf-8") == PEOPLE
    assert rows_of(store) == before


def test_an_import_without_refusals_leaves_no_list(haoma: Run) -> None:
    """JSON lines as well; what is fine ends with 0."""
    line = '\ufeff{"phone_number": "13811112222", "user": "u-1", "verified_at": "2025-03-01"}\n\n'
    Path("one.jsonl").write_text(line, "utf-8")
    done = haoma("import", "one.jsonl")
    assert (done.exit_code, list(Path().glob("*refused*"))) == (0, [])


@pytest.mark.parametrize(
    "content, told",
    [
        (b"name,phone_number\n", "unknown or missing: name"),
        (b"user\nu-1\n", "has to name the columns"),
        (b"", "has to name the columns"),
        ("手机,phone_number\n".encode("gbk"), "not CSV in UTF-8"),
    ],
)
def test_a_file_that_is_none(haoma: Run, content: bytes, told: str) -> None:
    """Each is a usage error that says what is wrong."""
    Path("wrong.csv").write_bytes(content)
    found = haoma("import", "wrong.csv")
    assert (found.exit_code, told in found.stderr, found.stdout) == (2, True, "")
    assert haoma("import", "absent.csv").exit_code == 2
    Path("folder").mkdir()
    found = haoma("import", "people.csv", "--report", "folder")
    assert (found.exit_code, "cannot write folder" in found.stderr) == (2, True)


def test_without_accounts_nothing_is_imported(haoma: Run) -> None:
    """A haoma.toml without [accounts] keeps none; a tenant that is not there is told."""
    assert haoma("import", "people.csv", "--tenant", "nobody").exit_code == 2
    text = Path("haoma.toml").read_text("utf-8")
    Path("haoma.toml").write_text(text.partition("[accounts]")[0], "utf-8")
    for command in (
        ["import", "people.csv"],
        ["export", "--reason", "a test", "--all", "-o", "x"],
        ["erasures", "list"],
    ):
        assert haoma(*command).exit_code == 2


def test_an_import_that_was_killed_is_run_again(haoma: Run, store: StoreSettings) -> None:
    """After kill -9 in the middle, with two processes, the same command brings in the rest, and nobody twice."""
    total = 6000
    with Path("many.csv").open("w", encoding="utf-8") as file:
        file.write("phone_number,app,openid,verified_at\n")
        file.writelines(f"139{index:08},shop,o-{index},2025-03-01\n" for index in range(total))
    command = [sys.executable, "-m", "haoma", "import", "many.csv", "--processes", "2"]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while run(store, "SELECT COUNT(*) FROM {0}accounts")[0][0] < 1000:
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    there = run(store, "SELECT COUNT(*) FROM {0}accounts")[0][0]
    assert 1000 <= there < total
    done = haoma("import", "many.csv", "--json", "--processes", "2")
    counts = json.loads(done.stdout)
    assert (done.exit_code, counts["new"], counts["known"]) == (0, total - there, there)
    for table in ("accounts", "identities", "numbers", "phones", "salts"):
        assert run(store, "SELECT COUNT(*) FROM {0}{1}", table=table)[0][0] == total
    assert haoma("db", "check").exit_code == 0


def test_a_process_of_an_import_that_is_killed(haoma: Run, store: StoreSettings) -> None:
    """Where the system kills one of its processes the command says so, and what was written stays."""
    with Path("many.csv").open("w", encoding="utf-8") as file:
        file.write("phone_number,app,openid,verified_at\n")
        file.writelines(f"139{index:08},shop,o-{index},2025-03-01\n" for index in range(30_000))
    command = [sys.executable, "-m", "haoma", "import", "many.csv", "--processes", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not run(store, "SELECT COUNT(*) FROM {0}accounts")[0][0]:
            assert time.monotonic() < until
            time.sleep(0.02)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        spawned = [pid for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(int(spawned[0]), signal.SIGKILL)
        assert process.stderr is not None
        told = process.stderr.read()
    assert (process.returncode, "a process of the import was killed" in told, "Traceback" in told) == (1, True, False)
    assert haoma("db", "check").exit_code == 0


def test_one_person_is_exported(haoma: Run) -> None:
    """As JSON, and as a page in both languages; into a new file that only its owner reads; every time it is audited."""
    haoma("import", "people.csv")
    account = account_of(haoma, "u-1")
    found = haoma("export", "--reason", "a test", "--account", account)
    person = json.loads(found.stdout)
    assert (person["phone_number"], person["user"], person["logins"][0]["value"]) == ("+8613811112222", "u-1", "o-1")
    for lang, word in (("zh", "手机号"), ("en", "Phone number")):
        page = f"{lang}.html"
        assert (
            haoma(
                "export", "--reason", "a test", "--account", account, "--format", "html", "-o", page, "--lang", lang
            ).exit_code
            == 0
        )
        text = Path(page).read_text("utf-8")
        assert (word in text, "+8613811112222" in text, "o-1" in text) == (True, True, True)
        assert stat.S_IMODE(Path(page).stat().st_mode) == 0o600
    assert (
        haoma("export", "--reason", "a test", "--account", account, "-o", "en.html").exit_code == 2
    )  # it is there already
    assert haoma("export", "--reason", "a test", "--account", "00000000-0000-7000-8000-000000000000").exit_code == 1
    assert haoma("export", "--reason", "a test", "--account", "nonsense").exit_code == 1
    assert haoma("export").exit_code == haoma("export", "--all").exit_code == 2
    without = haoma("export", "--account", account)
    assert (without.exit_code, "--reason" in without.stderr, without.stdout) == (2, True, "")
    (report,) = json.loads(haoma("audit", "report", "--json").stdout)["tenants"]
    counts = {each["what"]: each["total"] for each in report["counts"]}
    assert {"import": 1, "export": 4, "export-all": 1}.items() <= counts.items()


def test_a_page_shows_what_people_wrote(haoma: Run) -> None:
    """Nothing that came from outside is markup."""
    Path("one.jsonl").write_text('{"user": "<script>x</script>", "app": "shop", "openid": "<b>"}\n')
    haoma("import", "one.jsonl")
    (person,) = everybody(haoma)
    page = haoma("export", "--reason", "a test", "--account", person["account"], "--format", "html").stdout
    assert ("<script>" in page, "<b>" in page, "&lt;script&gt;" in page) == (False, False, True)


def test_everybody_is_exported_only_after_a_yes(haoma: Run) -> None:
    """Full numbers of everybody: it asks, writes a new file for its owner, and what it wrote can be imported again."""
    haoma("import", "people.csv")
    assert haoma("export", "--reason", "a test", "--all", "-o", "all.jsonl", sent="n\n").exit_code == 1
    assert haoma("export", "--reason", "a test", "--all", "-o", "all.jsonl").exit_code == 2  # nobody can answer
    assert not Path("all.jsonl").exists()
    done = haoma("export", "--reason", "a test", "--all", "-o", "all.jsonl", sent="y\n")
    assert (done.exit_code, "13811112222" in done.output) == (0, False)
    assert stat.S_IMODE(Path("all.jsonl").stat().st_mode) == 0o600
    assert haoma("export", "--reason", "a test", "--all", "-o", "all.jsonl", "--yes").exit_code == 2
    again = haoma("import", "all.jsonl", "--json")
    assert (again.exit_code, json.loads(again.stdout)["known"]) == (0, 2)


def test_an_account_that_cannot_be_read_is_told(haoma: Run, store: StoreSettings) -> None:
    """The others are exported; the exit code says that some are missing, and so does the check."""
    haoma("import", "people.csv")
    run(store, "DELETE FROM {0}salts WHERE place = (SELECT MIN(place) FROM {0}salts)")
    done = haoma("export", "--reason", "a test", "--all", "-o", "all.jsonl", "--yes", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (1, {"accounts": 1, "unreadable": 1})
    found = haoma("db", "check", "--json")
    assert (found.exit_code, json.loads(found.stdout)["rows"]) == (
        1, [{"is": "no-salt", "table": "phones", "count": 1, "keys": ""}],
    )  # fmt: skip


def ask_to_erase(store: StoreSettings, account: str, due_in: float) -> None:
    """A request whose day is so many days from now."""
    import uuid

    from haoma.store.rows import Erasure
    from support.store_rows import insert

    now = round(time.time() * 1000)
    row = Erasure(uuid.UUID(account).bytes, 1, now - 1000, now + round(due_in * 86_400_000), 0)
    insert(store, ERASURES, [row])


def test_erasures_are_listed_done_and_replayed(haoma: Run, store: StoreSettings) -> None:
    """From the request to the list that is replayed after a restore."""
    haoma("import", "people.csv")
    first, second = account_of(haoma, "u-1"), account_of(haoma, "u-2")
    assert haoma("erasures", "list").stdout == "There are no open requests.\n"
    ask_to_erase(store, first, 0.5)
    ask_to_erase(store, second, 10)
    backup = Path("own.db").read_bytes()
    listed = json.loads(haoma("erasures", "list", "--json").stdout)
    assert ([each["account"] for each in listed["erasures"]], listed["overdue"]) == ([first, second], 0)
    done = haoma("erasures", "run", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"erased": 1, "pending": 1, "overdue": 0})
    assert haoma("export", "--reason", "a test", "--account", first).exit_code == 1
    assert haoma("erasures", "export", "erased.jsonl").exit_code == 0
    assert haoma("erasures", "export", "erased.jsonl").exit_code == 2
    for each in Path().glob("own.db*"):
        each.unlink()
    Path("own.db").write_bytes(backup)
    assert haoma("export", "--reason", "a test", "--account", first).exit_code == 0
    would = haoma("erasures", "replay", "erased.jsonl", "--dry-run", "--json")
    assert json.loads(would.stdout) == {"entries": 2, "erased": 1, "dry_run": True}
    assert haoma("export", "--reason", "a test", "--account", first).exit_code == 0
    assert json.loads(haoma("erasures", "replay", "erased.jsonl", "--json").stdout)["erased"] == 1
    assert haoma("export", "--reason", "a test", "--account", first).exit_code == 1
    assert haoma("export", "--reason", "a test", "--account", second).exit_code == 0
    Path("part.jsonl").write_text(Path("erased.jsonl").read_text().splitlines()[0] + "\n")
    assert haoma("erasures", "replay", "part.jsonl").exit_code == 2


def test_overdue_requests_raise_the_alarm(haoma: Run, store: StoreSettings) -> None:
    """``db status`` and ``erasures list`` end with 1 as long as one is not done."""
    haoma("import", "people.csv")
    assert haoma("db", "status").exit_code == 0
    ask_to_erase(store, account_of(haoma, "u-1"), -1)
    status = haoma("db", "status", "--json")
    assert (status.exit_code, json.loads(status.stdout)["erasures_overdue"]) == (1, "1")
    assert haoma("erasures", "list").exit_code == 1
    assert haoma("erasures", "run").exit_code == 0
    assert haoma("db", "status").exit_code == 0


def test_logins_are_added(haoma: Run, store: StoreSettings) -> None:
    """A new kind of id for who has the old one; unknown ones, and those of somebody else, are refused and listed."""
    Path("people.csv").write_text(
        "user,app,user_id,openid\nu-1,pay,2088000000000001,\nu-2,pay,2088000000000002,\nu-3,pay,,taken\n"
    )
    assert haoma("import", "people.csv").exit_code == 0
    Path("ids.csv").write_text(
        "app,old_kind,old_value,new_kind,new_value\n"
        "pay,user_id,2088000000000001,openid,new-1\n"
        "pay,user_id,2088000000000009,openid,new-9\n"
        "pay,user_id,2088000000000002,openid,taken\n"
        "pay,open_id,2088000000000002,openid,new-2\n"
        "shop,user_id,2088000000000001,openid,new-1\n"
        "nobody,user_id,2088000000000001,openid,new-1\n"
    )
    before = rows_of(store)
    would = haoma("accounts", "add-logins", "ids.csv", "--dry-run", "--json")
    assert (would.exit_code, rows_of(store) == before) == (1, True)
    done = haoma("accounts", "add-logins", "ids.csv", "--json")
    counts = {"added": 1, "known": 0, "refused": 5, "report": "ids.csv.refused.csv"}
    assert json.loads(would.stdout) == {**counts, "dry_run": True}
    assert json.loads(done.stdout) == {**counts, "dry_run": False}
    rows = list(csv.reader(Path("ids.csv.refused.csv").read_text("utf-8").splitlines()))
    assert sorted(row[:2] for row in rows[1:]) == [
        ["3", "unknown"], ["4", "other-account"], ["5", "kind"], ["6", "unknown"], ["7", "app"],
    ]  # fmt: skip
    person = next(each for each in everybody(haoma) if each["user"] == "u-1")
    assert {(each["kind"], each["value"]) for each in person["logins"]} == {
        ("user_id", "2088000000000001"), ("openid", "new-1"),
    }  # fmt: skip
    assert json.loads(haoma("accounts", "add-logins", "ids.csv", "--json").stdout)["known"] == 1
