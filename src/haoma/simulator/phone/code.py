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
    test = _GOOD_TEST if expected == "ok" else _BAD_TEST
    return {
        "curl": _CURL.format(
            base=base,
            platform=run.platform,
            tap=json.dumps(asked),
            url=target.url,
            path=target.path.format(app=run.scene.app),
            key=stage.server_key,
            lang=lang,
        ),
        "python": _PYTHON.format(arguments=arguments),
        "pytest": test.format(name=_name(f"{run.platform}_{run.scene.name}"), arguments=arguments, code=expected),
    }


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
