"""Cloud calls: no token in the request, or one that is mounted as a file."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from haoma.client import Client
from haoma.errors import ConfigFaults, HookFailed, HostNotAllowed, NotProven, PermissionMissing, Spent, TokenRejected
from haoma.io.files import FollowedFile
from haoma.io.http import Http
from haoma.platforms.base.mirroring import Answer
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.settings import reader
from haoma.steps import Request, Send
from support.wechat import APP_ID, DEAD, LOGIN, NOW, OK, OPENID, PHONE, SECRET, Bench, configured

API = "https://api.weixin.qq.com"
PLAIN_API = "http://api.weixin.qq.com"


def _from_file(path: Path, **more: Any) -> Any:
    values = {"platform": "wechat", "app_id": APP_ID, "token": "cloud-file", "cloud_token_file": str(path), **more}
    return reader.from_mapping({"apps": {"shop": values}}).apps["shop"]


def test_by_the_sidecar_no_token_is_sent() -> None:
    """The request goes to the plain address, with neither token nor query, and nothing else is asked."""
    app = configured(token="cloud")
    bench = Bench({PHONE: OK})
    signature = bench.find(app, {"code": "a-code"}).checks[0]
    assert (signature.proven, "sidecar" in signature.how) == (True, True)
    [request] = bench.wire.requests
    assert (request.url, request.query) == (PLAIN_API + PHONE, ())
    assert app.upstreams == (API, PLAIN_API)


def test_a_login_does_not_go_by_the_sidecar() -> None:
    """jscode2session cannot be called by the cloud: it goes over TLS with the AppSecret, or not at all."""
    bench = Bench({PHONE: OK, LOGIN: {"openid": OPENID, "session_key": "x"}})
    bench.find(configured(token="cloud"), {"login_code": "l", "authorization": {"code": "a-code"}})
    assert [request.url for request in bench.wire.requests] == [API + LOGIN, PLAIN_API + PHONE]
    app = reader.configure("wechat", app_id=APP_ID, token="cloud")
    assert isinstance(
        bench.refused(app, {"login_code": "l", "authorization": {"code": "b-code"}}),  # type: ignore[arg-type]
        NotProven,
    )


@pytest.mark.parametrize(("token", "parameter"), [("cloud", None), ("cloud-file", "cloudbase_access_token")])
def test_another_ones_environment_says_for_whom_it_asks(tmp_path: Path, token: str, parameter: str | None) -> None:
    """from_appid goes into the query in both ways."""
    file = tmp_path / "token"
    file.write_text("cloud-token-one\n")
    app = _from_file(file, token=token, from_appid=APP_ID) if parameter else configured(token=token, from_appid=APP_ID)
    bench = Bench({PHONE: OK})
    bench.find(app, {"code": "a-code"})
    expected = (((parameter, "cloud-token-one"),) if parameter else ()) + (("from_appid", APP_ID),)
    assert bench.wire.requests[0].query == expected


@pytest.mark.parametrize("token", ["cloud", "cloud-file"])
def test_asking_for_another_one_is_found_at_the_start(token: str) -> None:
    """The number would be another mini program's, and be refused when its code has been paid for."""
    with pytest.raises(ConfigFaults) as caught:
        reader.configure("wechat", app_id=APP_ID, token=token, from_appid="wx2222222222222222")
    assert [(each.code, each.where) for each in caught.value.faults] == [
        ("config.app-ids-conflict", "apps.wechat.from_appid")
    ]


class Sidecar:
    """Answers with a given status, body and id."""

    def __init__(self, status: int, body: bytes) -> None:
        self.said = Answer(status, {"x-openapi-seqid": "seq-1"}, body)

    def answer(self, _call: object, _now: float) -> Answer:
        return self.said


def test_a_502_is_a_path_that_is_not_listed() -> None:
    """The refusal says where to list it; the code may be sent again, for a gateway in trouble looks the same."""
    error = Bench(Sidecar(502, b"Bad Gateway")).refused(configured(token="cloud"), {"code": "a-code"})
    assert isinstance(error, PermissionMissing)
    assert (error.platform_code, error.place, error.spent) == ("502", "cloud", Spent.UNKNOWN)
    assert "getuserphonenumber" in error.explain("en").remedy
    assert Bench(Sidecar(500, b"?")).refused(configured(token="cloud"), {"code": "a"}).code == "outside.nonsense-reply"
    assert Bench({"/cgi-bin/stable_token": b"?"}).refused(configured(), {"code": "a"}).code == "outside.nonsense-reply"


def test_the_sidecars_id_is_noted() -> None:
    """x-openapi-seqid is the request id when WeChat's own words have none."""
    bench = Bench(Sidecar(200, b'{"errcode":48001,"errmsg":"api unauthorized"}'))
    assert bench.refused(configured(token="cloud"), {"code": "a-code"}).request_id == "seq-1"


def test_a_dead_token_of_the_sidecar_is_not_renewed() -> None:
    """It is not ours: one call, one refusal."""
    bench = Bench({PHONE: DEAD})
    assert isinstance(bench.refused(configured(token="cloud"), {"code": "a-code"}), TokenRejected)
    assert bench.calls == {PHONE: 1}


# --- the one exception from https


def test_plain_http_is_for_the_sidecar_alone() -> None:
    """Without allow_insecure_upstreams the sidecar's address passes, and no other plain address does."""
    app = reader.configure("wechat", app_id=APP_ID, token="cloud")
    assert app.sidecar == PLAIN_API
    http = Http()
    for url in ("http://127.0.0.1:9/x", "http://api.weixin.qq.com.example.com/", "http://api.weixin.qq.com:8080/"):
        origin = "/".join(url.split("/")[:3])
        with pytest.raises(HostNotAllowed):
            http.send(Send(Request("GET", url), (origin, PLAIN_API), PLAIN_API))
    with pytest.raises(HostNotAllowed):  # the address alone is not enough: the app must have said so
        http.send(Send(Request("GET", PLAIN_API + "/x"), (PLAIN_API,)))
    with Client(app) as client:
        assert client._insecure is False


def test_another_plain_address_needs_leave() -> None:
    """cloud_base_url is held to https like any other address, unless it is the sidecar's own."""
    with pytest.raises(ConfigFaults, match=r"config\.insecure-upstream"):
        reader.configure("wechat", app_id=APP_ID, token="cloud", cloud_base_url="http://sidecar.example.com")
    with pytest.raises(ConfigFaults, match=r"config\.insecure-upstream"):
        reader.configure("wechat", app_id=APP_ID, app_secret=SECRET, api_base_url=PLAIN_API)
    app = reader.configure("wechat", app_id=APP_ID, token="cloud", cloud_base_url="https://proxy.example.com")
    assert app.sidecar == ""


@pytest.mark.parametrize("token", ["cloud", "cloud-file"])
def test_what_the_cloud_cannot_ask_is_a_fault(token: str) -> None:
    """checkencryptedmsg takes no cloud call; so the settings are refused, not the users."""
    with pytest.raises(ConfigFaults, match=r"config\.not-in-the-cloud"):
        reader.configure(
            "wechat",
            app_id=APP_ID,
            app_secret=SECRET,
            token=token,
            accept_encrypted_data=True,
            check_encrypted_message=True,
        )


# --- the token file


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    """Not for every call, and at once when it was replaced, with a byte order mark and a line break around it."""
    file = tmp_path / "token"
    file.write_text("\ufefffirst-token\n", "utf-8")
    followed = FollowedFile(file, 100)
    assert followed("shop", None) == "first-token"
    file.chmod(0o600)
    replacement = tmp_path / "new"
    replacement.write_text("other-token\n")
    replacement.replace(file)
    assert followed("shop", None) == "other-token"


def test_a_rejected_token_is_read_again_whatever_the_file_looks_like(tmp_path: Path) -> None:
    """A file of the same size and age is not read again, until its token was rejected."""
    file = tmp_path / "token"
    file.write_text("token-one")
    followed = FollowedFile(file, 100)
    followed("shop", None)
    stat = file.stat()
    file.write_text("token-two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert followed("shop", None) == "token-one"
    assert followed("shop", "token-one") == "token-two"
    with pytest.raises(ValueError, match="more than 3 bytes"):
        FollowedFile(file, 3)("shop", None)


def test_a_replaced_file_serves_the_same_request(tmp_path: Path) -> None:
    """WeChat rejects the old token, the file has a new one: one more call, with the new one."""
    file = tmp_path / "token"
    file.write_text("old-token")

    def answer(call: Any) -> Any:
        assert "access_token" not in call.query
        if call.query["cloudbase_access_token"] == "old-token":
            file.write_text("new-token")
            return DEAD
        return OK

    bench = Bench({PHONE: answer})
    assert bench.find(_from_file(file), {"code": "a-code"}).e164 == "+8613580006666"
    assert bench.calls == {PHONE: 2}


def test_without_the_file_nothing_is_sent(tmp_path: Path) -> None:
    """Outside the container there is no such file: the code is not used up."""
    bench = Bench({PHONE: OK})
    error = bench.refused(_from_file(tmp_path / "missing"), {"code": "a-code"})
    assert isinstance(error, HookFailed)
    assert (error.because["error"], error.spent, bench.calls) == ("FileNotFoundError", Spent.NO, {})


def test_a_mounted_token_is_taken_in_its_own_parameter_only(tmp_path: Path) -> None:
    """The mirror, like WeChat, rejects it as access_token."""
    mirror = WeChatMirror(random.Random(1).randbytes)
    own = mirror.settings(API)["wechat-cloud"]
    file = tmp_path / "token"
    file.write_text(mirror.cloud_token("wechat-cloud", NOW))
    bench = Bench(mirror)
    tap = mirror.tap("cloud-ok", allow=True, now=NOW)
    app = _from_file(file, app_id=own["app_id"], app_secret=own["app_secret"])
    assert bench.find(app, tap.body).e164 == tap.phone_number
    usual = configured(
        app_id=own["app_id"], app_secret=own["app_secret"], token_source=lambda _app, _no: file.read_text()
    )
    assert isinstance(bench.refused(usual, mirror.tap("cloud-ok", allow=True, now=NOW).body), TokenRejected)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "FileNotFoundError"), (b"", "empty text"), (b"\n", "empty text"), (b"\xff\xfe", "UnicodeDecodeError"),
        (b"two words", "str"),
    ],
)  # fmt: skip
def test_the_setting_is_named_when_the_file_is_no_token(tmp_path: Path, content: bytes | None, what: str) -> None:
    """Nobody wrote a function here that he could repair."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    error = Bench({PHONE: OK}).refused(_from_file(path), {"code": "a-code"})
    assert isinstance(error, HookFailed)
    assert (error.because["setting"], error.spent, error.next_action) == ("cloud_token_file", Spent.NO, "retry-later")
    assert error.diagnosis == f"cloud_token_file: {what}"


def test_a_function_is_not_called_a_file() -> None:
    """Its own words have nothing of a setting."""
    error = Bench({PHONE: OK}).refused(configured(token_source=lambda _app, _no: ""), {"code": "a-code"})
    assert ("setting" in error.because, error.diagnosis) == (False, "")
