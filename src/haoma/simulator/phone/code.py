"""The scene of a run as code to copy: for the shell, for Python, and as a test."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from haoma.simulator.phone.runs import Run
    from haoma.simulator.phone.service import Target
    from haoma.simulator.stage import Stage

_CURL: Final = """\
curl -s {base}/device/{platform}/tap -H 'Content-Type: application/json' -d '{tap}' \\
  | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["body"]))' \\
  | curl -s {url}{path} -H 'Authorization: Bearer {key}' \\
      -H 'Content-Type: application/json' -H 'Accept-Language: {lang}' -d @-"""

_PYTHON: Final = """\
import haoma
from haoma.simulator import Simulator

with Simulator() as simulator:
    client = haoma.Client.from_file(simulator.write_config("simulator.toml"))
    tap = simulator.tap({arguments})
    try:
        phone = client.get_phone_number(tap.app, tap.body)
        print(phone.masked)
    except haoma.HaomaError as error:
        print(error)"""

_GOOD_TEST: Final = """\
import haoma
from haoma.simulator import Simulator


def test_{name}(tmp_path):
    with Simulator() as simulator:
        client = haoma.Client.from_file(simulator.write_config(tmp_path / "haoma.toml"))
        tap = simulator.tap({arguments})
        phone = client.get_phone_number(tap.app, tap.body)
        assert phone.e164 == tap.phone_number"""

_BAD_TEST: Final = """\
import haoma
import pytest
from haoma.simulator import Simulator


def test_{name}(tmp_path):
    with Simulator() as simulator:
        client = haoma.Client.from_file(simulator.write_config(tmp_path / "haoma.toml"))
        tap = simulator.tap({arguments})
        with pytest.raises(haoma.HaomaError) as refused:
            client.get_phone_number(tap.app, tap.body)
        assert refused.value.code == "{code}\""""


# In these scenes the platform posts to the service before the tap, so they need one that runs.
_PUSHED: Final = """\
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def post(url, content, key=""):
    headers = {{"Content-Type": "application/json", "Authorization": f"Bearer {{key}}"}}
    try:
        with urlopen(Request(url, json.dumps(content).encode(), headers)) as answer:
            return json.load(answer)
    except HTTPError as refused:
        return json.load(refused)


"""
_PUSHED_BODY: Final = """\
tap = post("{base}/device/{platform}/tap", {tap!r})
found = post("{url}{path}", tap["body"], "{key}")"""
_PUSHED_PYTHON: Final = (
    _PUSHED
    + _PUSHED_BODY
    + """
print(found)"""
)
_PUSHED_TEST: Final = (
    _PUSHED
    + "def test_{name}():\n    "
    + _PUSHED_BODY.replace("\n", "\n    ")
    + """
    assert {asserted}"""
)


def codes_of(run: Run, stage: Stage, target: Target, base: str, code: str, lang: str) -> dict[str, str]:
    """Return the scene as code: ``curl``, ``python`` and ``pytest``."""
    options = _options(run)
    asked: dict[str, Any] = {"scene": run.scene.name, **options}
    if run.tap is not None and run.tap.pushes:
        asked["service"] = target.url
    arguments = ", ".join([
        f'"{run.platform}"', f'"{run.scene.name}"', *(f"{name}={value!r}" for name, value in options.items())
    ])  # fmt: skip
    expected = code or run.scene.expect
    facts = {
        "base": base,
        "platform": run.platform,
        "url": target.url,
        "path": target.path.format(app=run.scene.app),
        "key": stage.server_key,
        "lang": lang,
        "arguments": arguments,
        "code": expected,
        "name": _name(f"{run.platform}_{run.scene.name}"),
    }
    curl = _CURL.format(tap=json.dumps(asked), **facts)
    if "service" in asked:
        is_good = 'found["phone_number"] == tap["phone_number"]'
        asserted = is_good if expected == "ok" else f'found["code"] == "{expected}"'
        python = _PUSHED_PYTHON.format(tap=asked, **facts)
        return {"curl": curl, "python": python, "pytest": _PUSHED_TEST.format(tap=asked, asserted=asserted, **facts)}
    test = _GOOD_TEST if expected == "ok" else _BAD_TEST
    return {"curl": curl, "python": _PYTHON.format(**facts), "pytest": test.format(**facts)}


def _options(run: Run) -> dict[str, Any]:
    """Return what must be said of the tap: that the user denied, and how much time has passed."""
    moments = run.moments
    found: dict[str, Any] = {} if run.allow else {"allow": False}
    for name, earlier, later in (("login_age", "login", "tap"), ("tap_age", "tap", "sent")):
        seconds = round(moments.get(later, 0.0) - moments.get(earlier, 0.0))
        if earlier in moments and later in moments and seconds >= _WORTH_SAYING:
            found[name] = seconds
    return found


_WORTH_SAYING: Final = 30


def _name(told: str) -> str:
    return re.sub(r"\W", "_", told).lower()
