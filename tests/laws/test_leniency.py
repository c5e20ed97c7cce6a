"""Every setting that makes an app take more: what it does not speak of is refused with it on, exactly as without.

The settings are found, not listed: a new flag fails here until it has an entry. Each bad vector of the platform is then
sent to the same app with the flag on.
"""

from __future__ import annotations

import json
from functools import cache

import pytest

from haoma.errors import HaomaError
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Answer, Call
from haoma.platforms.base.setting import Kind
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import from_mapping
from support.vector_cases import Case, cases
from support.wire import Bench

pytest_plugins = ["support.stage_fixtures"]

TAKEN: dict[tuple[str, str], set[str]] = {
    ("alipay", "allow_sha1_signatures"): {"alipay/sha1-signature_fail", "alipay/sha1-downgrade_fail"},
    ("alipay", "sandbox"): set(),
    ("douyin", "accept_encrypted_data"): {"douyin/sealed-encrypted-data-off_fail", "douyin/both-fall-back-off_fail"},
    ("wechat", "check_encrypted_message"): set(),
    ("wechat", "accept_encrypted_data"): {"wechat/sealed-encrypted-data-off_fail"},
}
"""Platform and flag, with the bad vectors that it is there to let in."""


def test_every_flag_is_here() -> None:
    """Whoever adds one says here what it lets in."""
    flags = {
        (name, setting.name)
        for name, platform in PLATFORMS.items()
        for setting in platform.settings
        if setting.kind is Kind.FLAG
    }
    # This one lets nothing in: it decides whom a number that was let in belongs to (tests/store/test_linking.py).
    assert flags == set(TAKEN) | {(name, "link_unbound_numbers") for name in PLATFORMS}


class Replies:
    """Answers with the replies of a vector, by the last part of the address, and with a token where there is none."""

    def __init__(self, case: Case) -> None:
        self._replies = case.replies

    def answer(self, call: Call, _now: float) -> Answer:
        given = {"access_token": "a-token-of-some-length", "expires_in": 7200}
        token = {**given, "message": "success", "data": {**given, "error_code": 0, "description": ""}}
        body = self._replies.get(call.path.strip("/").rpartition("/")[2], json.dumps(token).encode())
        return Answer(headers={"content-type": "application/json"}, body=body)


@cache
def _app(platform: str, settings: str) -> tuple[App | None, str]:
    table = Table("shop", json.loads(settings), now=0)
    app: App | None = PLATFORMS[platform].configure(table)
    faults = [fault.code for fault in table.faults if not fault.warning]
    return (None if faults else app), ", ".join(faults)


def _verdict(case: Case, *flags: str) -> tuple[str, ...]:
    """Return the number; or the code of the refusal, with the platform's own codes."""
    app, faults = _app(case.platform, json.dumps({**case.app, **dict.fromkeys(flags, True)}))
    if app is None:
        return faults, "", ""
    bench = Bench(Replies(case))
    bench.now = case.now or bench.now
    try:
        return bench.find(app, case.sent).e164, "", ""
    except HaomaError as error:
        return error.code, error.platform_code, error.platform_sub_code


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_core_alone_judges_each_vector(platform: str) -> None:
    """The number or the refusal comes from below all surfaces. ``tests/system/test_vectors.py`` has those."""
    for case in cases(platform):
        expected = (case.phone_number + case.code, case.platform_code, case.platform_sub_code)
        verdict = _verdict(case)
        assert verdict[0] == expected[0], case.name
        assert not any(expected[1:]) or verdict == expected, case.name


@pytest.mark.parametrize(("platform", "flag"), TAKEN)
def test_no_flag_lets_in_more_than_it_says(platform: str, flag: str) -> None:
    """All that is refused without the flag is refused with it, but for what is listed above."""
    bad = [case for case in cases(platform) if case.code]
    assert {case.name for case in bad if _verdict(case, flag)[0].startswith("+")} == TAKEN[platform, flag]


@pytest.mark.parametrize(
    ("platform", "flag", "least"),
    [
        ("alipay", "allow_sha1_signatures", 2),
        ("douyin", "accept_encrypted_data", 20),
        ("wechat", "accept_encrypted_data", 20),
    ],
)
def test_the_flag_has_bad_vectors_of_its_own(platform: str, flag: str, least: int) -> None:
    """Cases that reach what only the flag opens, and must fail there."""
    own = [case for case in cases(platform) if case.app.get(flag)]
    assert sum(case.code.startswith("trust.") for case in own) >= least
    assert any(case.phone_number for case in own)


@pytest.mark.parametrize("url", ["ftp://x.test", "http://", "http://user@x.test", "//x.test", "http://x.test?a=b"])
def test_insecure_upstreams_are_addresses_all_the_same(url: str) -> None:
    """`allow_insecure_upstreams` permits http, and nothing else that an address may not be."""
    shop = {"platform": "kuaishou", "app_id": "ks0000000000000001", "app_secret": "a-secret-of-22-charact"}
    good = {"allow_insecure_upstreams": True, "apps": {"shop": {**shop, "api_base_url": "http://127.0.0.1:1"}}}
    assert from_mapping(good).apps["shop"].upstreams == ("http://127.0.0.1:1",)
    bad = {"allow_insecure_upstreams": True, "apps": {"shop": {**shop, "api_base_url": url}}}
    with pytest.raises(HaomaError):
        from_mapping(bad)
