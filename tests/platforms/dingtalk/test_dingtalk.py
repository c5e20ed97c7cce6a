"""DingTalk: vectors, scenes, and a request that breaks off between its two calls."""

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
    NotProven,
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
from haoma.platforms.dingtalk import DINGTALK
from haoma.platforms.dingtalk.mirror import SCENES, DingTalkMirror
from haoma.verified import ALL_CHECKS, CheckName
from support.vector_cases import Case, cases
from support.wire import NOW, Bench, configured, repeated

TOKEN = "/v1.0/oauth2/userAccessToken"
ME = "/v1.0/contact/users/me"
SECRET = "0123456789abcdef0123456789abcdef"
APP = configured("dingtalk", client_id="ding0123456789abcdef", client_secret=SECRET)
CODE = "fedcba9876543210"
SENT = {"authCode": CODE}
GIVEN = {"accessToken": "a-users-token", "refreshToken": "another", "expireIn": 7200}
USER = {"mobile": "13800138000", "stateCode": "86", "openId": "o-1", "unionId": "u-1", "nick": "zhangsan"}
GONE = (400, {"code": "invalidParameter.authCode.notFound", "requestid": "AB-1", "message": f"{CODE} {SECRET}"})
LIMITED = (403, {"code": "Forbidden.AccessDenied.QpsLimitForApi", "requestid": "AB-2", "message": "slow down"})
NO_STATES: tuple[object, ...] = (None, [], "", True, 86.0, "8a")
CASES = cases("dingtalk")


def _bench(tokens: object = GIVEN, users: object = USER) -> Bench:
    return Bench({TOKEN: tokens, ME: users})


# --- vectors


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_vector_comes_out_as_it_says(case: Case) -> None:
    """Each folder gives its number, or its refusal with DingTalk's own code."""
    table = Table("shop", case.app, now=NOW)
    app = DINGTALK.configure(table)
    if case.misconfigured:
        assert app is None
        assert case.code in [fault.code for fault in table.faults]
        return
    assert app is not None
    bench = _bench(case.replies.get("userAccessToken", b"not asked"), case.replies.get("me", b"not asked"))
    if case.code:
        error = bench.refused(app, case.sent)
        assert (error.code, error.platform_code) == (case.code, case.platform_code)
    else:
        assert bench.find(app, case.sent).e164 == case.phone_number


def test_most_vectors_must_fail() -> None:
    """Refusals are the rule."""
    failing = [case for case in CASES if case.code]
    assert len(CASES) > 40
    assert len(failing) > 3 * (len(CASES) - len(failing))


# --- the result


def test_what_is_proven_and_who_it_is() -> None:
    """Two calls give number and user; how old the code was is not proven, and an app may insist on it."""
    bench = _bench()
    phone = bench.find(APP, SENT)
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    assert [check.name for check in phone.checks if not check.proven] == [CheckName.FRESHNESS]
    assert phone.subject is not None
    assert (phone.subject.openid, phone.subject.unionid) == ("o-1", "u-1")
    first, second = (send.request for send in bench.sends)
    assert json.loads(first.body) == {
        "clientId": APP.app_id, "clientSecret": SECRET, "code": CODE, "grantType": "authorization_code",
    }  # fmt: skip
    assert (second.method, dict(second.headers)) == ("GET", {"x-acs-dingtalk-access-token": "a-users-token"})
    strict = configured("dingtalk", client_id="ding1", client_secret=SECRET, require=["freshness"])
    assert isinstance(_bench().refused(strict, SENT), NotProven)


def test_there_is_no_login_beside_the_code() -> None:
    """A login code or a session is refused before the code is sent, and the code stays good."""
    bench = _bench()
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
        TimedOut(), ConnectionLost(), ReplyTooLarge(), NonsenseReply(), b"<html>",
        (503, {"code": "ServiceUnavailable"}),
    ],
)  # fmt: skip
def test_a_refused_code_after_an_unknown_outcome_is_unknown(failure: object) -> None:
    """The first try may be what used it up; then the code is not sent again."""
    bench = _bench([failure, GONE])
    assert bench.refused(APP, SENT).spent is Spent.UNKNOWN
    second = bench.refused(APP, SENT)
    assert isinstance(second, OutcomeUnknown)
    assert (second.next_action, second.retry) == (Next.ASK_AGAIN, False)
    assert (second.platform_code, second.request_id) == ("invalidParameter.authCode.notFound", "AB-1")
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)
    assert bench.calls == {TOKEN: 2}


def test_what_comes_between_does_not_make_the_outcome_known() -> None:
    """Timeout, limit, no connection, refused: the first try still may have been the one."""
    bench = _bench([TimedOut(), LIMITED, ConnectFailed(), GONE])
    for _ in range(3):
        assert bench.refused(APP, SENT).spent is Spent.UNKNOWN
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)


@pytest.mark.parametrize("failure", [TimedOut(), ConnectionLost(), ConnectFailed(), LIMITED, b"<html>"])
def test_the_second_call_can_be_made_up_for(failure: object) -> None:
    """The code is used up, but the same request goes on from there; nobody else can."""
    bench = _bench(users=[failure, failure, USER])
    for _ in range(2):
        error = bench.refused(APP, SENT)
        assert (error.spent, error.retry) == (Spent.UNKNOWN, True)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.find(APP, SENT).e164 == "+8613800138000"
    assert bench.calls == {TOKEN: 1, ME: 3}


def test_nobody_else_goes_on_from_there_later() -> None:
    """The token of the first call is forgotten before the claim on the code is, however long that call took."""
    bench = _bench([GIVEN, GONE], [TimedOut(), USER])
    bench.refused(APP, SENT)
    bench.now += APP.policy.code_seconds - 1
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    bench.now += 2
    assert isinstance(bench.refused(APP, SENT, caller="another"), CodeRejected)


def test_the_token_of_the_first_call_is_kept_for_half_as_long_as_its_code() -> None:
    """So long the same request goes on from there, and then it begins anew."""
    half = APP.policy.code_seconds / 2
    for later, asked in ((half - 1, 1), (half + 1, 2)):
        bench = _bench([GIVEN, GONE], [TimedOut(), LIMITED])
        bench.refused(APP, SENT)
        bench.now += later
        bench.refused(APP, SENT)
        assert bench.calls[TOKEN] == asked


@pytest.mark.parametrize("state", [86, "86", "+86", "0086"])
def test_the_country_code_in_each_of_its_forms(state: object) -> None:
    """A number or a text, with or without what is dialled before it."""
    assert _bench(users={**USER, "stateCode": state}).find(APP, SENT).e164 == "+8613800138000"


def test_an_unlisted_refusal_of_a_code_asks_for_another() -> None:
    """What an expired code gets is not documented; a user must not be stuck with one."""
    bench = _bench((400, {"code": "invalidParameter.authCode.expired", "message": "?", "requestid": "AB-1"}))
    assert bench.refused(APP, SENT).next_action is Next.ASK_AGAIN


def test_a_final_refusal_of_the_second_call_has_spent_the_code() -> None:
    """A missing permission is final: the user has to authorize again once it is there."""
    bench = _bench(users={"openId": "o-1", "unionId": "u-1"})
    assert bench.refused(APP, SENT).spent is Spent.YES
    bench.refused(APP, SENT)
    assert bench.calls == {TOKEN: 1, ME: 1}


def test_no_connection_spends_nothing() -> None:
    """When nothing was sent, or it was turned away at the entrance, the code is free again, for anybody."""
    for failure in (ConnectFailed(), LIMITED):
        bench = _bench([failure, GIVEN])
        assert bench.refused(APP, SENT).spent is Spent.NO
        assert bench.find(APP, SENT, caller="another").e164 == "+8613800138000"


def test_a_refused_code_is_a_refused_code() -> None:
    """Without an unknown try before it, it means what it says; no secret comes back in DingTalk's words."""
    bench = _bench(GONE)
    error = bench.refused(APP, SENT)
    assert isinstance(error, CodeRejected)
    assert error.spent is Spent.YES
    shown = error.platform_message + str(error) + repr(error)
    assert CODE not in shown
    assert SECRET not in shown
    limited = _bench(LIMITED).refused(APP, SENT)
    assert isinstance(limited, RateLimited)
    assert (limited.platform_message, limited.request_id) == ("slow down", "AB-2")


@pytest.mark.parametrize("status", [201, 302, 500])
def test_a_success_has_status_200(status: int) -> None:
    """A user under another status is not believed."""
    assert _bench(users=(status, USER)).refused(APP, SENT).code == "outside.nonsense-reply"
    assert _bench((status, GIVEN)).refused(APP, SENT).code == "outside.nonsense-reply"


def test_the_same_request_gets_the_same_answer() -> None:
    """A success is asked for once; another caller with the same code is refused."""
    bench = _bench()
    assert repeated(bench.find(APP, SENT)) == bench.find(APP, SENT)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.calls == {TOKEN: 1, ME: 1}


# --- the mirror


@pytest.fixture
def mirror() -> DingTalkMirror:
    """A new DingTalk."""
    return DingTalkMirror(random.Random(1).randbytes)


def _app(mirror: DingTalkMirror, name: str) -> App:
    return configured(**mirror.settings("https://api.dingtalk.com")[name])


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_ends_as_it_says(mirror: DingTalkMirror, scene: Any) -> None:
    """Twice in a row on one process, and with a user who declines in between."""
    bench = Bench(mirror)
    for allow in (True, False, True):
        tap = mirror.tap(scene.name, allow=allow, now=NOW)
        assert tap.expect == (scene.expect if allow else "envelope.user-declined")
        if tap.expect == "ok":
            assert bench.find(_app(mirror, tap.app), tap.body).e164 == tap.phone_number
        else:
            assert bench.refused(_app(mirror, tap.app), tap.body).code == tap.expect


def test_every_refusal_has_a_scene(mirror: DingTalkMirror) -> None:
    """Each code of the table comes up in a scene, but for that of the older gateway."""
    bench = Bench(mirror)
    seen = set()
    for scene in SCENES:
        tap = mirror.tap(scene.name, allow=True, now=NOW)
        if scene.expect != "ok":
            error = bench.refused(_app(mirror, tap.app), tap.body)
            seen |= {error.platform_code, f"{error.platform_code}@{error.place}"}
    assert catalogue.refusals("dingtalk").keys() - seen == {"40089"}


def test_a_reset_at_the_second_call_heals(mirror: DingTalkMirror) -> None:
    """The same request once more gets the number, without a new code."""
    bench = Bench(mirror)
    tap = mirror.tap("reset-at-the-user", allow=True, now=NOW)
    app = _app(mirror, tap.app)
    assert isinstance(bench.refused(app, tap.body), ConnectionLost)
    assert bench.find(app, tap.body).country_code == "86"
    assert bench.calls == {TOKEN: 1, ME: 2}


def test_it_is_a_mirror(mirror: DingTalkMirror) -> None:
    """It fits the protocol that the simulator drives, and knows no foreign address."""
    fits: Mirror = mirror
    assert fits.answer(Call("POST", "/gateway.do", {}, {}, b""), NOW) is None
    with pytest.raises(KeyError):
        fits.tap("no-such-scene", allow=True, now=NOW)


# --- settings


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"client_id": "1"}, "config.missing-setting"),
        ({"client_secret": "s"}, "config.missing-setting"),
        ({"client_id": "1", "client_secret": "s", "corp_id": "1"}, "config.unknown-setting"),
        ({"client_id": "1", "client_secret": "s", "api_base_url": "ftp://127.0.0.1"}, "config.bad-url"),
    ],
)
def test_faults_of_the_settings(settings: dict[str, Any], fault: str) -> None:
    """Each fault of the settings is named."""
    table = Table("shop", {"platform": "dingtalk", **settings}, now=NOW)
    assert DINGTALK.configure(table) is None
    assert fault in [each.code for each in table.faults]


def test_nothing_secret_is_shown() -> None:
    """Neither the app nor any step shows a secret."""
    bench = _bench()
    bench.find(APP, SENT)
    shown = repr(APP) + repr(bench.sends)
    assert not any(secret in shown for secret in (SECRET, CODE, "a-users-token"))


def test_a_code_in_snake_case() -> None:
    """``auth_code`` is ``authCode``."""
    assert _bench().find(APP, {"auth_code": CODE}).e164 == "+8613800138000"


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("native", [60011, "60011"])
def test_a_refusal_in_the_older_form(native: object, status: int) -> None:
    """60011 in ``errcode`` is a missing permission, and no reply without sense that asks for another try."""
    bench = _bench(users=(status, {"errcode": native, "errmsg": "没有调用该接口的权限", "request_id": "ab-3"}))
    error = bench.refused(APP, SENT)
    assert (error.code, error.platform_code, error.request_id) == ("platform.permission-missing", "60011", "ab-3")
    assert error.spent is Spent.YES


@pytest.mark.parametrize("status", [200, 400])
def test_the_older_refusal_of_the_credentials(status: int) -> None:
    """40089 in ``errcode`` means that id and secret do not belong together."""
    error = _bench((status, {"errcode": 40089, "errmsg": "不合法的corpId或corpSecret"})).refused(APP, SENT)
    assert (error.code, error.platform_code) == ("platform.credentials-rejected", "40089")


@pytest.mark.parametrize("status", [200, 403])
def test_in_both_forms_the_newer_counts(status: int) -> None:
    """A code is a refusal whatever stands beside it, a user as well."""
    said = {**USER, "code": "Forbidden.A", "requestid": "ab-1", "errcode": 60011, "request_id": "ab-2"}
    error = _bench(users=(status, said)).refused(APP, SENT)
    assert (error.platform_code, error.request_id) == ("Forbidden.A", "ab-1")


def test_words_that_are_none() -> None:
    """A message or an id of another type than text is left out."""
    said = {"code": "Forbidden.A", "requestid": 7, "message": ["x"]}
    error = _bench(users=(403, said)).refused(APP, SENT)
    assert (error.platform_message, error.request_id) == ("", "")


def test_a_refusal_of_the_second_call_is_none_of_the_code() -> None:
    """What is in no table then asks for no other code: it may be the token, or DingTalk."""
    unlisted = (403, {"code": "Forbidden.A", "message": "?", "requestid": "AB-1"})
    assert _bench(users=unlisted).refused(APP, SENT).next_action is not Next.ASK_AGAIN
    assert _bench(unlisted).refused(APP, SENT).next_action is Next.ASK_AGAIN


def test_an_errcode_of_zero_is_no_refusal() -> None:
    """The older interfaces say 0 with every success."""
    assert _bench({**GIVEN, "errcode": 0}, {**USER, "errcode": 0}).find(APP, SENT).e164 == "+8613800138000"


@pytest.mark.parametrize(
    ("tokens", "users", "code", "step", "says"),
    [
        (TimedOut(), USER, "outside.outcome-unknown", 2, {}),
        (b"<html>", USER, "outside.nonsense-reply", 3, {"reason": "not JSON"}),
        (GONE, USER, "platform.code-rejected", 3, {"status": 400}),
        *(
            ({**GIVEN, "accessToken": token}, USER, "outside.nonsense-reply", 3, {"reason": "accessToken"})
            for token in ("", "a b", "a\n", 1, None, "x" * 2049)
        ),
        (GIVEN, b"<html>", "outside.nonsense-reply", 5, {"reason": "not JSON"}),
        (GIVEN, {**USER, "mobile": ""}, "platform.permission-missing", 5, {}),
        *(
            (GIVEN, {**USER, name: value}, "outside.nonsense-reply", 5, {"field": name})
            for name in ("openId", "unionId")
            for value in ("", "a b", "a\n", 1, None, "x" * 129)
        ),
        (GIVEN, {**USER, "mobile": 13800138000}, "outside.nonsense-reply", 6, {"reason": "mobile"}),
        (GIVEN, {**USER, "mobile": "x"}, "outside.nonsense-reply", 6, {"reason": "stateCode, mobile"}),
        *(
            (GIVEN, {**USER, "stateCode": state}, "outside.nonsense-reply", 6, {"reason": "stateCode, mobile"})
            for state in NO_STATES
        ),
    ],
)
def test_the_step_that_refuses(tokens: object, users: object, code: str, step: int, says: dict[str, object]) -> None:
    """Each refusal bears the number of its step, and names what it is about."""
    error = _bench(tokens, users).refused(APP, SENT)
    assert (error.code, error.step) == (code, step)
    assert error.because.items() >= says.items()
