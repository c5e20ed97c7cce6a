"""Whatever way is refused: the refusal names the app and its platform, and a login code that was refused is used up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from haoma.authorize import log_in, take_push
from haoma.errors import (
    AlreadyUsed,
    CannotOpen,
    HaomaError,
    LoginCodeRejected,
    MissingField,
    SessionUnknown,
    Spent,
    UnknownRoute,
)
from haoma.io.blocking import run
from haoma.platforms.registry import PLATFORMS
from haoma.platforms.wechat.push import sign
from haoma.secret import Secret
from support.stage import Stage
from support.wechat import APP_ID, LOGIN, NOW, Bench, configured

pytest_plugins = ["support.stage_fixtures"]
APP = configured(accept_encrypted_data=True)
SESSION = {"openid": "the-user", "session_key": "A" * 22 + "=="}


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda: log_in(APP, {}, now=NOW), MissingField),
        (lambda: log_in(APP, {"login_code": "refused"}, now=NOW), LoginCodeRejected),
        (lambda: take_push(APP, {}, b"", now=NOW), CannotOpen),
    ],
)
def test_a_refusal_names_app_and_platform(ask: Callable[[], Any], kind: type[HaomaError]) -> None:
    """Whoever has many apps sees which one it was."""
    bench = Bench({LOGIN: {"errcode": 40029, "errmsg": "no"}})
    with pytest.raises(kind) as caught:
        bench.run(ask())
    assert (caught.value.platform, caught.value.app) == ("wechat", "shop")


def test_a_push_to_an_app_that_has_no_component() -> None:
    """Not even one that is signed with no token at all is taken: there is no key to open it with."""
    time = str(int(NOW))
    signature = sign(Secret(""), time, "n", "AAAA")
    body = b"<xml><Encrypt>AAAA</Encrypt></xml>"
    with pytest.raises(CannotOpen) as caught:
        Bench({}).run(take_push(APP, {"timestamp": time, "nonce": "n", "msg_signature": signature}, body, now=NOW))
    assert (caught.value.step, caught.value.diagnosis) == (1, "sealed")


@pytest.mark.parametrize("platform", [name for name, each in PLATFORMS.items() if each.take_push is None])
def test_a_platform_that_posts_nothing(stage: Stage, platform: str) -> None:
    """There is no such route, and it says for whom."""
    app = next(each for each in stage.apps.values() if each.platform == platform)
    with pytest.raises(UnknownRoute) as caught:
        run(take_push(app, {}, b"", now=NOW), stage.world)
    assert (caught.value.platform, caught.value.app) == (platform, app.name)


def test_a_session_is_of_one_name() -> None:
    """Two names of one mini program may have two policies: a handle that one has given opens nothing of the other."""
    bench = Bench({LOGIN: SESSION})
    handle, login = bench.run(log_in(APP, {"login_code": "a-code"}, now=NOW))
    assert login.app == "shop"
    other = replace(APP, name="another")
    assert other.scope == APP.scope
    assert APP_ID in APP.scope
    sent = {"session": handle, "authorization": {"encryptedData": "A" * 22 + "==", "iv": "A" * 22 + "=="}}
    error = bench.refused(other, sent)
    assert type(error) is SessionUnknown
    assert error.app == "another"
    assert type(bench.refused(APP, sent, "another caller")) is CannotOpen


def test_a_refused_login_code_is_used_up(stage: Stage) -> None:
    """Where it is the one value that can be used once, it is not given free: another caller gets no second try."""
    tap = stage.tap("alipay", "used-login-code")
    with pytest.raises(LoginCodeRejected) as caught:
        stage.authorize(tap.app, tap.body)
    assert caught.value.spent is Spent.YES
    with pytest.raises(AlreadyUsed):
        stage.authorize(tap.app, tap.body, "another caller")
