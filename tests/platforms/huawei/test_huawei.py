"""Huawei's quick login, what both flows share, and what becomes of a code when nobody knows."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from haoma import catalogue
from haoma.authorize import log_in
from haoma.errors import (
    AlreadyUsed,
    CodeRejected,
    ConnectFailed,
    ConnectionLost,
    Next,
    NonsenseReply,
    OutcomeUnknown,
    RateLimited,
    ReplyTooLarge,
    SessionUnknown,
    Spent,
    TimedOut,
    UnknownShape,
)
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Call, Mirror
from haoma.platforms.base.table import Table
from haoma.platforms.huawei import HUAWEI
from haoma.platforms.huawei.mirror import SCENES, HuaweiMirror
from haoma.verified import ALL_CHECKS, Assurance
from support.vector_cases import Case, cases
from support.wire import NOW, Bench, configured, repeated

PATH = "/oauth2/v6/quickLogin/getPhoneNumber"
ADDRESSES = {"getPhoneNumber": PATH, "token": "/oauth2/v3/token", "rest.php": "/rest.php"}
SECRET = "0123456789abcdef0123456789abcdef"
APP = configured("huawei", client_id="100000000000000001", client_secret=SECRET)
SENT = {"code": "CwEAAAAAh0z4kV5uF0yU8Qm3"}
OK = {
    "openId": "AQAx-open",
    "unionId": "AQAx-union",
    "phoneNumber": "008613800138000",
    "phoneNumberValid": 1,
    "purePhoneNumber": "13800138000",
    "phoneCountryCode": "0086",
}
USED = {"resultCode": 60180005, "resultDesc": f"code {SENT['code']} has been used, {SECRET}, 13800138000"}
CASES = cases("huawei")


def _bench(*answers: object) -> Bench:
    return Bench({PATH: list(answers)})


# --- vectors


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_vector_comes_out_as_it_says(case: Case) -> None:
    """Each folder gives its number, or its refusal with Huawei's own code."""
    table = Table("shop", case.app, now=NOW)
    app = HUAWEI.configure(table)
    if case.misconfigured:
        assert app is None
        assert case.code in [fault.code for fault in table.faults]
        return
    assert app is not None
    bench = Bench({path: case.replies.get(name, b"not asked") for name, path in ADDRESSES.items()})
    if case.code:
        error = bench.refused(app, case.sent)
        assert (error.code, error.platform_code) == (case.code, case.platform_code)
    else:
        assert bench.find(app, case.sent).e164 == case.phone_number


def test_most_vectors_must_fail() -> None:
    """Refusals are the rule."""
    failing = [case for case in CASES if case.code]
    assert len(CASES) > 50
    assert len(failing) > 3 * (len(CASES) - len(failing))


# --- the result


def test_everything_is_proven_and_the_user_is_named() -> None:
    """One call gives number, user and all five checks; what the client says of the user counts for nothing."""
    bench = _bench(OK)
    phone = bench.find(APP, {"authorizationCode": SENT["code"], "openID": "somebody-else"})
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    assert all(check.proven for check in phone.checks)
    assert phone.subject is not None
    assert (phone.subject.openid, phone.subject.unionid) == ("AQAx-open", "AQAx-union")
    request = bench.sends[0].request
    assert json.loads(request.body) == {"code": SENT["code"], "clientId": APP.app_id, "clientSecret": SECRET}
    assert (request.method, request.query, dict(request.headers)["content-type"]) == ("POST", (), "application/json")
    assert bench.sends[0].upstreams == ("https://account-api.cloud.huawei.com",)


@pytest.mark.parametrize(
    ("valid", "assurance"),
    [(1, Assurance.RECENTLY_REACHABLE), (0, Assurance.STALE), (2, Assurance.STALE), (True, Assurance.STALE),
     ("1", Assurance.STALE), (None, Assurance.STALE)],
)  # fmt: skip
def test_the_level_of_assurance(valid: object, assurance: Assurance) -> None:
    """Only a 1 says that the number was reached lately; the level is part of the result, in full and masked."""
    phone = _bench({**OK, "phoneNumberValid": valid}).find(APP, SENT)
    assert phone.assurance is assurance
    assert phone.to_dict()["assurance"] == phone.to_masked_dict()["assurance"] == assurance.value


def test_there_is_no_login_beside_the_code() -> None:
    """A login code or a session is refused before the code is sent, and the code stays good."""
    bench = _bench(OK)
    assert isinstance(bench.refused(APP, {"login_code": "abcdef", "authorization": SENT}), UnknownShape)
    assert isinstance(bench.refused(APP, {"session": "abcdef", "authorization": SENT}), SessionUnknown)
    with pytest.raises(UnknownShape):
        bench.run(log_in(APP, {"login_code": "abcdef"}, now=NOW))
    assert not bench.calls
    assert bench.find(APP, SENT).e164 == "+8613800138000"


# --- when nobody knows


@pytest.mark.parametrize(
    "failure",
    [
        TimedOut(), ConnectionLost(), ReplyTooLarge(), NonsenseReply(), (500, b""), (503, b""), (403, b""), b"<html>",
        {"resultCode": 60010001},
    ],
)  # fmt: skip
@pytest.mark.parametrize("native", [60180005, 60010012])
def test_a_used_code_after_an_unknown_outcome_is_unknown(failure: object, native: int) -> None:
    """The first try may be what used it up; then the code is not sent again."""
    bench = _bench(failure, {"resultCode": native})
    assert bench.refused(APP, SENT).spent is Spent.UNKNOWN
    second = bench.refused(APP, SENT)
    assert isinstance(second, OutcomeUnknown)
    assert second.platform_code == str(native)
    assert (second.next_action, second.retry) == (Next.ASK_AGAIN, False)
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)
    assert bench.calls[PATH] == 2


def test_an_expired_code_is_expired_whatever_was_before() -> None:
    """60180004 is certain: the user has to tap again."""
    bench = _bench(TimedOut(), {"resultCode": 60180004})
    bench.refused(APP, SENT)
    assert isinstance(bench.refused(APP, SENT), CodeRejected)


@pytest.mark.parametrize("failure", [TimedOut(), ConnectionLost(), (503, b"")])
def test_an_unknown_outcome_may_still_turn_out_well(failure: object) -> None:
    """The same request again gets the number; another caller may not finish it."""
    bench = _bench(failure, OK)
    assert bench.refused(APP, SENT).retry
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.find(APP, SENT).e164 == "+8613800138000"
    assert bench.calls[PATH] == 2


def test_what_comes_between_does_not_make_the_outcome_known() -> None:
    """Timeout, no connection, wrong secret, used: the first try still may have been the one."""
    bench = _bench(TimedOut(), ConnectFailed(), {"resultCode": 60010013}, USED)
    for _ in range(3):
        assert bench.refused(APP, SENT).spent is Spent.UNKNOWN
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)


def test_no_connection_spends_nothing() -> None:
    """When nothing was sent, the code is free again, for anybody."""
    bench = _bench(ConnectFailed(), OK)
    assert bench.refused(APP, SENT).spent is Spent.NO
    assert bench.find(APP, SENT, caller="another").e164 == "+8613800138000"


def test_a_used_code_is_a_used_code() -> None:
    """Without an unknown try before it, it means what it says; no secret comes back in Huawei's words."""
    bench = _bench(USED)
    error = bench.refused(APP, SENT)
    assert isinstance(error, CodeRejected)
    assert error.spent is Spent.YES
    shown = error.platform_message + str(error) + repr(error)
    assert not any(secret in shown for secret in (SENT["code"], SECRET, "13800138000"))
    bench.refused(APP, SENT)
    assert bench.calls[PATH] == 1


def test_flow_control_is_a_rate_limit() -> None:
    """503 may be tried again later."""
    error = _bench((503, b"")).refused(APP, SENT)
    assert isinstance(error, RateLimited)
    assert (error.platform_code, error.retry) == ("http-503", True)


@pytest.mark.parametrize("status", [201, 302, 418, 505])
def test_a_success_has_status_200(status: int) -> None:
    """A number under another status is not believed; a refusal is."""
    assert _bench((status, OK)).refused(APP, SENT).code == "outside.nonsense-reply"
    assert isinstance(_bench((status, USED)).refused(APP, SENT), CodeRejected)


def test_the_same_request_gets_the_same_answer() -> None:
    """A success is asked for once; another caller with the same code is refused."""
    bench = _bench(OK)
    assert repeated(bench.find(APP, SENT)) == bench.find(APP, SENT)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.calls[PATH] == 1


# --- the mirror


@pytest.fixture
def mirror() -> HuaweiMirror:
    """A new Huawei."""
    return HuaweiMirror(random.Random(1).randbytes)


def _app(mirror: HuaweiMirror, name: str) -> App:
    return configured(**mirror.settings("https://account-api.cloud.huawei.com")[name])


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_ends_as_it_says(mirror: HuaweiMirror, scene: Any) -> None:
    """Twice in a row on one process, and with a user who cancels in between."""
    bench = Bench(mirror)
    for allow in (True, False, True):
        tap = mirror.tap(scene.name, allow=allow, now=NOW)
        assert tap.expect == (scene.expect if allow else "envelope.user-declined")
        if tap.expect == "ok":
            phone = bench.find(_app(mirror, tap.app), tap.body)
            assert phone.e164 == tap.phone_number
            other = {"stale-number": Assurance.STALE}.get(scene.name, Assurance.RECENTLY_REACHABLE)
            assert phone.assurance is (Assurance.PLATFORM if scene.app == "huawei-scope" else other)
        else:
            assert bench.refused(_app(mirror, tap.app), tap.body).code == tap.expect


def test_every_refusal_has_a_scene(mirror: HuaweiMirror) -> None:
    """Each code of the table comes up in a scene."""
    bench = Bench(mirror)
    seen = set()
    for scene in SCENES:
        tap = mirror.tap(scene.name, allow=True, now=NOW)
        if scene.expect != "ok":
            error = bench.refused(_app(mirror, tap.app), tap.body)
            seen |= {error.platform_code, f"{error.platform_code}@{error.place}"}
    assert catalogue.refusals("huawei").keys() <= seen


def test_it_is_a_mirror(mirror: HuaweiMirror) -> None:
    """It fits the protocol that the simulator drives, keeps Huawei's methods, and knows no foreign address."""
    fits: Mirror = mirror
    assert fits.answer(Call("POST", "/gateway.do", {}, {}, b""), NOW) is None
    wrong = fits.answer(Call("GET", PATH, {}, {}, b""), NOW)
    assert wrong is not None
    assert wrong.status == 405
    with pytest.raises(KeyError):
        fits.tap("no-such-scene", allow=True, now=NOW)


@pytest.mark.parametrize("scene", ["slow", "reset-after-consumed"])
def test_a_consumed_code_stays_unknown(mirror: HuaweiMirror, scene: str) -> None:
    """The first try consumed the code; the 60180005 of the second is still an unknown outcome."""
    bench = Bench(mirror)
    tap = mirror.tap(scene, allow=True, now=NOW)
    app = _app(mirror, tap.app)
    assert isinstance(bench.refused(app, tap.body), OutcomeUnknown)
    again = bench.refused(app, tap.body)
    assert isinstance(again, OutcomeUnknown)
    assert again.platform_code == "60180005"


# --- settings


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"client_id": "1"}, "config.missing-setting"),
        ({"client_secret": "s"}, "config.missing-setting"),
        ({"client_id": "1", "client_secret": ""}, "config.empty-value"),
        ({"client_id": "1", "client_secret": "s", "app_id": "1"}, "config.unknown-setting"),
        ({"client_id": "1", "client_secret": "s", "api_base_url": "http://127.0.0.1"}, "config.insecure-upstream"),
    ],
)
def test_faults_of_the_settings(settings: dict[str, Any], fault: str) -> None:
    """Each fault of the settings is named."""
    table = Table("shop", {"platform": "huawei", **settings}, now=NOW)
    assert HUAWEI.configure(table) is None
    assert [each.code for each in table.faults] == [fault]


def test_nothing_secret_is_shown() -> None:
    """Neither app nor message shows a secret."""
    assert SECRET not in repr(APP)


@pytest.mark.parametrize("abroad", ["0086", "+86", "86"])
@pytest.mark.parametrize("front", ["0086", "+86", "86", ""])
def test_the_country_code_in_each_of_its_forms(front: str, abroad: str) -> None:
    """``phoneNumber`` agrees in every form of the country code, whatever the form of ``phoneCountryCode``."""
    reply = {**OK, "phoneNumber": f"{front}13800138000", "phoneCountryCode": abroad}
    assert _bench(reply).find(APP, SENT).e164 == "+8613800138000"


@pytest.mark.parametrize("unionid", [{}, {"unionId": None}, {"unionId": ""}])
def test_a_user_without_union_id(unionid: dict[str, object]) -> None:
    """The number and its user are there; the second id of the user is not worth a code."""
    reply = {name: value for name, value in OK.items() if name != "unionId"} | unionid
    subject = _bench(reply).find(APP, SENT).subject
    assert subject is not None
    assert (subject.openid, subject.unionid) == (OK["openId"], "")


def test_a_code_in_snake_case() -> None:
    """``authorization_code`` is ``authorizationCode``."""
    assert _bench(OK).find(APP, {"authorization_code": SENT["code"]}).e164 == "+8613800138000"


_NO_CODES: tuple[object, ...] = ("x", "60180005\n", "1" * 13, 10**12, -1, True, 1.0, [], {})


@pytest.mark.parametrize(
    ("answer", "code", "step", "says"),
    [
        (TimedOut(), "outside.outcome-unknown", 2, {}),
        ((503, b""), "platform.rate-limited", 3, {}),
        (b"<html>", "outside.nonsense-reply", 4, {"reason": "not JSON"}),
        ((201, OK), "outside.nonsense-reply", 4, {"reason": "status"}),
        *(({"resultCode": result}, "outside.nonsense-reply", 4, {"reason": "resultCode"}) for result in _NO_CODES),
        ({"resultCode": "60180005"}, "platform.code-rejected", 4, {}),
        ({"resultCode": 60180005}, "platform.code-rejected", 4, {}),
        *(
            ({**OK, name: value}, "outside.nonsense-reply", 5, {"field": name})
            for name, values in {
                "openId": ("", "a b", "a\n", 1, None, "x" * 257),
                "unionId": ("a b", 1),
                "phoneNumber": ("", 1, None),
                "purePhoneNumber": ("", "x", "138", 1, None),
                "phoneCountryCode": ("", "x", "86x", "0", "00", None),
            }.items()
            for value in values
        ),
        ({**OK, "phoneCountryCode": "999"}, "outside.nonsense-reply", 5, {"field": "purePhoneNumber"}),
        ({**OK, "phoneNumber": "13900139000"}, "trust.number-mismatch", 6, {"field": "phoneNumber"}),
    ],
)
def test_the_step_that_refuses(answer: object, code: str, step: int, says: dict[str, object]) -> None:
    """Each refusal bears the number of its step, and names what it is about."""
    error = _bench(answer).refused(APP, SENT)
    assert (error.code, error.step) == (code, step)
    assert error.because.items() >= says.items()


@pytest.mark.parametrize(("words", "shown"), [("the words", "the words"), (1, ""), (None, ""), (["x"], "")])
def test_what_huawei_says_beside_a_code(words: object, shown: str) -> None:
    """Its words are for the operator; what are no words is nothing."""
    error = _bench({"resultCode": 60010013, "resultDesc": words}).refused(APP, SENT)
    assert error.platform_message == shown
