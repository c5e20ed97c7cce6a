"""Bodies from the field: what the service says of one, ``inspect`` says of its exact bytes.

The cases are in ``cases/bodies.toml``. In their texts ``<name>`` is a part of a tap that has just been made.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from haoma.doctor.captures.inspect import inspect
from haoma.errors import HaomaError
from haoma.platforms.base.mirroring import Tap
from haoma.settings.model import Settings
from support.stage import Stage

pytest_plugins = ["support.stage_fixtures"]

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "cases" / "bodies.toml").read_text("utf-8"))[
    "case"
]
OF_THE_CODE = ("dingtalk", "huawei")
"""Platforms whose code names the user as well."""
TRANSPORT = {"doctor.stock-uni-app", "doctor.base64-damaged"}
"""What inspect warns of although the service repairs it."""


def filled(text: str, platform: str, tap: Tap) -> str:
    assert tap.body is not None
    parts = dict(tap.body["authorization"])
    raw = parts.get("response", "") if platform == "alipay" else ""
    if raw:
        parts = json.loads(raw)
    code = parts.get("code") or parts.get("authCode") or parts.get("authorizationCode") or ""
    values = {
        "code": code, "login": tap.login_code, "data": parts.get("encryptedData", "QUJD" * 8), "iv": parts.get("iv", ""),
        "response": parts.get("response", ""), "sign": parts.get("sign", ""), "raw unescaped": raw,
        "raw": json.dumps(raw)[1:-1], "parts": json.dumps(parts)[1:-1],
        "response%20": quote(parts.get("response", ""), safe="+/="), "sign%20": quote(parts.get("sign", ""), safe="+/="),
    }  # fmt: skip
    return re.sub("<(" + "|".join(map(re.escape, values)) + ")>", lambda found: str(values[found[1]]), text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_body_of_the_field(stage: Stage, case: dict[str, Any]) -> None:
    """A number and the user, and nothing wrong; or one refusal, with one code."""
    for platform in case["platforms"]:
        stage.forget()
        tap = stage.tap(platform, "ok")
        text = filled(case["body"], platform, tap)
        looked = inspect(text.encode(), Settings(apps=stage.apps), app=tap.app, now=stage.now)
        wrong = {each.code for each in looked.found if each.severity in ("fault", "warning")} - TRANSPORT
        assert not tap.login_code or tap.login_code not in str(looked)
        if "code" in case:
            with pytest.raises(HaomaError) as refused:
                stage.authorize(tap.app, text)
            assert refused.value.code == case["code"], platform
            assert case["code"] in wrong, (platform, looked)
            continue
        phone = stage.authorize(tap.app, text)
        assert phone.e164 == tap.phone_number
        assert platform in OF_THE_CODE or (phone.subject is not None) == case.get("login", True), platform
        assert not wrong, (platform, looked)


def test_there_are_sixty() -> None:
    """So many, each with a name of its own and where it was seen."""
    assert len(CASES) >= 60
    assert len({each["name"] for each in CASES}) == len(CASES)
    assert all(each["source"].startswith("https://") for each in CASES)
