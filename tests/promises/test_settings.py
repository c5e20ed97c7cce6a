"""What a platform declares as its settings is what it reads, and what a type checker knows of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.simulator.stage import Stage

ROOT = Path(__file__).parents[2]
SIMULATED = Stage().settings("http://127.0.0.1:9")["apps"]
ELSEWHERE = {"douyin": [{"token": "central", "token_url": "https://token.example", "token_url_key": "k"}]}
ELSEWHERE["wechat"] = [*ELSEWHERE["douyin"], {"token": "cloud-file"}]
NOW = 1_780_000_000.0

PROGRAM = """\
import os
import haoma

haoma.configure("alipay", app_id="2021000000000000", alipay_public_key=("a", {"file": "b"}), aes_key=["c", "d"])
haoma.configure("wechat", app_id={"env": "ID"}, token="central", require=["signature"], max_age=60, on_grant=print)
haoma.configure("baidu", name="shop", app_key="k", app_secret="s", login={"env": "LOGIN"}, reply="problem")
haoma.configure("wechat", app_id="wx", app_sercet="s")
haoma.configure("wechat", app_id="wx", accept_encrypted_data="yes")
haoma.configure("wechat", app_id="wx", token="stabel")
haoma.configure("kuaishou", app_id="ks", app_secret="s", max_age=60)
haoma.configure("huawei", client_id="1", client_secret=os.environ.get("SECRET"))
haoma.configure("huawei", client_id="1")
haoma.configure("weixin", app_id="wx")
"""


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_reads_what_it_declares(platform: str) -> None:
    """Each of its settings is read by some app of the simulator or with another token, and it declares no other."""
    apps = [app for app in SIMULATED.values() if app["platform"] == platform]
    apps += [{"platform": platform, **more} for more in ELSEWHERE.get(platform, [])]
    declared = {setting.name for setting in PLATFORMS[platform].settings}
    read: set[str] = set()
    for values in apps:
        table = Table("shop", values, now=NOW)
        PLATFORMS[platform].configure(table)
        table.tenant()  # read for all of them
        assert table.declared == declared
        read |= table.known - {"platform"}
    assert read == declared


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_a_platform_does_not_read_is_a_fault(platform: str) -> None:
    """Also what another platform reads, as `max_age`."""
    own = {setting.name for setting in PLATFORMS[platform].settings}
    others = {setting.name for each in PLATFORMS.values() for setting in each.settings} - own
    table = Table("shop", {"platform": platform, **dict.fromkeys(others, "1")}, now=NOW)
    PLATFORMS[platform].configure(table)
    unknown = {fault.where for fault in table.faults if fault.code == "config.unknown-setting"}
    assert unknown == {f"apps.shop.{name}" for name in others}
    assert "max_age" in others or platform == "wechat"


def test_what_is_not_declared_cannot_be_read() -> None:
    """Nor as something else: it is a mistake in the platform, and no fault of the settings."""
    table = Table("shop", {"app_id": "1", "max_age": 60}, now=NOW)
    PLATFORMS["wechat"].configure(table)
    with pytest.raises(LookupError):
        table.text("no_such_setting")
    with pytest.raises(TypeError):
        table.number("app_id")
    with pytest.raises(TypeError):
        table.secret("app_id")


def test_a_type_checker_knows_the_settings(tmp_path: Path) -> None:
    """mypy passes what is right; it finds a misspelt, a foreign and a missing setting, a wrong type, word and platform."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    door = [ROOT / "src" / "haoma" / each for each in ("__init__.py", "settings/from_python.pyi")]
    done = subprocess.run(
        # Only these two are followed: the rest takes ten seconds.
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=skip", f"--cache-dir={tmp_path}", program, *door],
        cwd=ROOT / "src", capture_output=True, text=True, check=False,
    )  # fmt: skip
    wrong = [line.partition("program.py:")[2] for line in done.stdout.splitlines() if ": error: " in line]
    first_wrong = PROGRAM[: PROGRAM.index("app_sercet")].count("\n") + 1
    assert {int(line.partition(":")[0]) for line in wrong} == set(range(first_wrong, PROGRAM.count("\n") + 1)), done
    assert any('"app_sercet"' in line and 'did you mean "app_secret"' in line for line in wrong)
