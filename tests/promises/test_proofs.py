"""What is proven: the tables say what the code says, and results say nothing else."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from haoma.errors import HaomaError
from haoma.phone import PhoneNumber
from haoma.platforms.registry import PLATFORMS
from haoma.verified import ALL_CHECKS, Assurance, CheckName, VerifiedPhone
from haoma.words import LANGUAGES
from support.stage import Stage

pytest_plugins = ["support.stage_fixtures"]

ROOT = Path(__file__).parents[2]
PROVEN = {
    "alipay": ["signature, app-binding"] * 2,
    "baidu": ["app-binding, login-binding, one-time-use"],
    "dingtalk": ["signature, app-binding, login-binding, one-time-use"],
    "douyin": [
        *["signature, app-binding, freshness, one-time-use"] * 2,
        "app-binding, login-binding, one-time-use",
    ],
    "huawei": ["signature, app-binding, freshness, login-binding, one-time-use"] * 2,
    "kuaishou": ["login-binding, one-time-use"],
    "wechat": [
        "signature, app-binding, freshness, one-time-use",
        "signature, app-binding, freshness, login-binding, one-time-use",
        "signature, app-binding, freshness, one-time-use",
        "signature, app-binding, freshness, login-binding, one-time-use",
        *["signature, app-binding, freshness, one-time-use"] * 2,
        "signature, app-binding, freshness, login-binding, one-time-use",
        "signature, app-binding, freshness, one-time-use",
        "signature, app-binding, freshness, login-binding, one-time-use",
        "app-binding, freshness, login-binding, one-time-use",
        "signature, app-binding, freshness, login-binding, one-time-use",
    ],
    "xiaohongshu": ["app-binding, login-binding, one-time-use"],
}
"""What each way proves, in the order of the table. Whoever claims more, or less, says so here as well, and why."""
ROWS = [(name, way) for name, platform in PLATFORMS.items() for way in platform.methods]


def test_the_tables_are_fresh() -> None:
    """The tables in all four READMEs are what the generator would write."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "proofs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_proven_was_decided() -> None:
    """No check becomes proven, or ceases to be, by the way."""
    found = {
        name: [", ".join(check.name.value for check in way.checks if check.proven) for way in platform.methods]
        for name, platform in PLATFORMS.items()
    }
    assert found == PROVEN


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_rows(platform: str) -> None:
    """No platform is left out of the table, and its ways have different names."""
    ways = [way for name, way in ROWS if name == platform]
    assert ways
    for lang in LANGUAGES:
        assert len({PLATFORMS[platform].words(f"methods.{way.name}", lang) for way in ways}) == len(ways)


@pytest.mark.parametrize(("platform", "way"), ROWS, ids=[f"{name}-{way.name}" for name, way in ROWS])
def test_a_row_is_whole(platform: str, way: object) -> None:
    """A row lists all five checks in their order, and says in both languages how certain it is, on one line."""
    row = next(each for each in PLATFORMS[platform].methods if each is way)
    assert tuple(check.name for check in row.checks) == ALL_CHECKS
    for lang in LANGUAGES:
        assert "\n" not in PLATFORMS[platform].words(f"methods.{row.name}", lang)
        assert "\n" not in PLATFORMS[platform].words(f"certain.{row.name}", lang)


@pytest.mark.parametrize(("platform", "way"), ROWS, ids=[f"{name}-{way.name}" for name, way in ROWS])
def test_a_login_is_bound_only_by_the_platform(platform: str, way: object) -> None:
    """The check `login-binding` is proven exactly where the platform itself ties number and login together."""
    row = next(each for each in PLATFORMS[platform].methods if each is way)
    [bound] = [check.proven for check in row.checks if check.name is CheckName.LOGIN_BINDING]
    assert bound == row.binds_login
    assert not (platform == "alipay" and bound)  # an envelope names no user, whoever sends it


@pytest.mark.parametrize("platform", PLATFORMS)
def test_results_prove_what_the_table_says(platform: str, stage: Stage) -> None:
    """The checks of every scene that ends well are those of one row of the table."""
    rows = {way.checks for way in PLATFORMS[platform].methods}
    proven = 0
    for scene in stage.mirrors[platform].scenes:
        if scene.expect != "ok":
            continue
        tap = stage.tap(platform, scene.name)
        try:
            phone = stage.authorize(tap.app, tap.body)
        except HaomaError as error:
            pytest.fail(f"{scene.name}: {error}")
        assert phone.checks in rows, scene.name
        assert phone.subject or not tap.login_code, scene.name  # whoever logged in is named
        proven += 1
    assert proven


def test_assurance_is_always_told() -> None:
    """The level of assurance is in every result, in full and masked."""
    number = PhoneNumber("86", "13800138000")
    usual = VerifiedPhone(number, "wechat", "shop", None, ())
    assert usual.assurance is Assurance.PLATFORM
    for assurance in Assurance:
        phone = msgspec.structs.replace(usual, assurance=assurance)
        assert phone.to_dict()["assurance"] == phone.to_masked_dict()["assurance"] == assurance.value
