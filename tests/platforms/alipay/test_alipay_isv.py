"""Third-party applications: whose key is whose, who calls, and the content key that Alipay tells."""

from __future__ import annotations

import base64
import json
import os
from typing import Any
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner

from haoma.authorize import verify_offline
from haoma.cli import app as command_line
from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.errors import (
    CannotOpen,
    ConfigFaults,
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    NonsenseReply,
    NotProven,
    OutcomeUnknown,
    ReplySignatureMismatch,
    ReplyUnsigned,
)
from haoma.platforms.alipay.app import AlipayApp, configure
from haoma.platforms.alipay.content_key import fetch_content_key, replace_content_key
from haoma.platforms.alipay.login import log_in
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.mirroring import Call
from haoma.platforms.base.table import Table
from haoma.secret import Secret
from haoma.settings.reader import from_mapping
from haoma.simulator import Simulator
from haoma.steps import Flow, Reply, Send

NOW = 1_800_000_000.0
BASE = "https://gateway.example"
MERCHANT = "alipay-merchant"
NODE = "alipay_open_auth_app_aes_get_response"
ZERO_IV = bytes(16)


@pytest.fixture(scope="module")
def first_mirror() -> AlipayMirror:
    return AlipayMirror(os.urandom)


@pytest.fixture
def mirror(first_mirror: AlipayMirror) -> AlipayMirror:
    """A mirror that has just started, with the keys of the first: to make them takes longer than a test."""
    mirror = AlipayMirror(os.urandom)
    names = ("alipay_key", "app_key", "another_key", "next_key")
    vars(mirror).update({name: getattr(first_mirror, name) for name in names})
    return mirror


def table(mirror: AlipayMirror, name: str = MERCHANT, **changed: Any) -> Table:
    values = {**mirror.settings(BASE)[name], **changed}
    return Table(name, {key: value for key, value in values.items() if value}, now=NOW)


def configured(mirror: AlipayMirror, name: str = MERCHANT, **changed: Any) -> AlipayApp:
    app = configure(table(mirror, name, **changed))
    assert app is not None
    return app


def faults(found: Table) -> list[tuple[str, str]]:
    configure(found)
    return [(fault.code, fault.where.rpartition(".")[2]) for fault in found.faults if not fault.warning]


def asked(flow: Flow[Any]) -> Send:
    step = next(flow)
    assert isinstance(step, Send)
    return step


def form(step: Send) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(step.request.body.decode("ascii")).items()}


def finish(flow: Flow[Any], body: bytes) -> Any:
    with pytest.raises(StopIteration) as end:
        flow.send(Reply(200, {}, body))
    return end.value.value


def by_mirror(mirror: AlipayMirror, flow: Flow[Any]) -> Any:
    answer = mirror.answer(Call("POST", "/gateway.do", {}, {}, asked(flow).request.body), NOW)
    assert answer is not None
    return finish(flow, answer.body)


# --- envelopes and logins


def test_one_signature_key_two_merchants(mirror: AlipayMirror) -> None:
    """Every merchant's envelope is signed by one key, so that the content key alone keeps them apart."""
    envelope = mirror.envelope("isv-ok", app=MERCHANT)
    assert verify_offline(configured(mirror), envelope).e164 == "+8613811112222"
    other = configured(mirror, "alipay-merchant-2")
    assert other.public_keys[0].public_numbers() == configured(mirror).public_keys[0].public_numbers()
    with pytest.raises(CannotOpen):
        verify_offline(other, envelope)


def test_merchants_may_not_share_a_content_key(mirror: AlipayMirror) -> None:
    """Two merchants with one aes_key do not load; that they share the application's own key is as it should be."""
    apps = {name: mirror.settings(BASE)[name] for name in (MERCHANT, "alipay-merchant-2")}
    assert from_mapping({"apps": apps}, now=NOW).warnings == ()
    apps[MERCHANT]["aes_key"] = apps["alipay-merchant-2"]["aes_key"]
    with pytest.raises(ConfigFaults) as caught:
        from_mapping({"apps": apps}, now=NOW)
    assert {fault.code for fault in caught.value.faults} == {"config.shared-aes-key"}


def test_the_application_calls_for_the_merchant(mirror: AlipayMirror) -> None:
    """The login goes out under the third-party application's id, with the merchant's grant, which is shown nowhere."""
    app = configured(mirror)
    flow = log_in(app, Secret("a-code"), NOW)
    step = asked(flow)
    sent = form(step)
    assert sent["app_id"] == "2021000000000099"
    assert sent["app_auth_token"] == mirror.settings(BASE)[MERCHANT]["app_auth_token"]
    assert sent["app_auth_token"] not in repr(step) + repr(app)


def test_a_refusal_does_not_repeat_the_grant(mirror: AlipayMirror) -> None:
    """If the gateway quotes what it was sent, neither grant nor code is in the error."""
    app = configured(mirror)
    token = mirror.settings(BASE)[MERCHANT]["app_auth_token"]
    node = json.dumps({"code": "40002", "msg": "x", "sub_code": "isv.y", "sub_msg": f"{token} a-code"})
    flow = log_in(app, Secret("a-code"), NOW)
    asked(flow)
    with pytest.raises(HaomaError) as caught:
        finish(flow, f'{{"error_response":{node}}}'.encode())
    assert token not in str(caught.value)
    assert "a-code" not in str(caught.value)


def test_without_the_merchants_grant(mirror: AlipayMirror) -> None:
    """Without app_auth_token nothing is sent: the gateway would take the code for the application's own."""
    with pytest.raises(NotProven) as caught:
        next(log_in(configured(mirror, app_auth_token=""), Secret("x"), NOW))
    assert caught.value.because["needed"] == "app_auth_token"


def test_a_merchant_is_not_its_application(mirror: AlipayMirror) -> None:
    """The application's id in the place of the merchant's, or the other way round, is found at the start."""
    assert faults(table(mirror, isv_app_id=mirror.settings(BASE)[MERCHANT]["app_id"])) == [
        ("config.app-ids-conflict", "isv_app_id")
    ]


def test_logins_that_cannot_work_are_told_at_the_start(mirror: AlipayMirror) -> None:
    """A private key without the merchant's grant is good for nothing, unless the content key is asked for with it."""

    def warned(**gone: str) -> list[tuple[str, str]]:
        found = table(mirror, **gone)
        assert configure(found) is not None
        return [(fault.code, fault.where.rpartition(".")[2]) for fault in found.faults]

    assert warned() == warned(app_auth_token="") == []
    assert warned(app_auth_token="", isv_aes_key="") == [("config.missing-setting", "app_auth_token")]
    assert warned(app_auth_token="", isv_aes_key="", app_private_key="") == []


@pytest.mark.parametrize("setting", ["app_auth_token", "isv_aes_key"])
def test_settings_that_belong_together(mirror: AlipayMirror, setting: str) -> None:
    """What only makes sense for a third-party application needs the application's id."""
    gone = {"app_auth_token": "", "isv_aes_key": "", "isv_app_id": ""}
    gone[setting] = mirror.settings(BASE)[MERCHANT][setting]
    assert faults(table(mirror, **gone)) == [("config.missing-setting", "isv_app_id")]


def test_the_applications_key_is_not_the_merchants(mirror: AlipayMirror) -> None:
    """The application's content key in the place of the merchant's is found."""
    found = table(mirror, aes_key=mirror.settings(BASE)[MERCHANT]["isv_aes_key"])
    assert faults(found) == [("config.shared-aes-key", "isv_aes_key")]


# --- the content key


def test_the_key_is_told(mirror: AlipayMirror) -> None:
    """The key that comes is the merchant's; question and answer are sealed, and no grant goes along."""
    app = configured(mirror)
    key = by_mirror(mirror, fetch_content_key(app, NOW))
    assert key.reveal() == mirror.settings(BASE)[MERCHANT]["aes_key"]
    sent = form(asked(fetch_content_key(app, NOW)))
    assert sent["method"] == "alipay.open.auth.app.aes.get"
    assert sent["encrypt_type"] == "AES"
    assert "app_auth_token" not in sent
    isv_key = base64.b64decode(mirror.settings(BASE)[MERCHANT]["isv_aes_key"])
    assert sent["biz_content"] == forge_cbc(isv_key, ZERO_IV, b'{"merchant_app_id":"2021000000000004"}')


def test_an_app_without_its_key_can_ask_for_it(mirror: AlipayMirror) -> None:
    """With isv_aes_key an app loads without aes_key, warns, opens nothing, and can ask."""
    found = table(mirror, aes_key="")
    app = configure(found)
    assert app is not None
    assert [(fault.code, fault.warning) for fault in found.faults] == [("config.missing-setting", True)]
    with pytest.raises(CannotOpen) as caught:
        verify_offline(app, mirror.envelope("isv-ok", app=MERCHANT))
    assert (caught.value.next_action, caught.value.step) == ("stop", 5)  # no tap will change that
    assert caught.value.because == {"keys_tried": 0, "needed": "aes_key"}
    assert by_mirror(mirror, fetch_content_key(app, NOW)).reveal() == mirror.settings(BASE)[MERCHANT]["aes_key"]


def test_a_new_key_kills_the_old_one(mirror: AlipayMirror) -> None:
    """After a reset what Alipay seals opens with the new key, and no longer with the old one."""
    before = configured(mirror)
    key = by_mirror(mirror, replace_content_key(before, NOW, confirm_app_id="2021000000000004"))
    envelope = mirror.envelope("isv-ok", app=MERCHANT)
    with pytest.raises(CannotOpen):
        verify_offline(before, envelope)
    assert verify_offline(configured(mirror, aes_key=key.reveal()), envelope).e164 == "+8613811112222"


def test_nobody_resets_by_mistake(mirror: AlipayMirror) -> None:
    """With another id than the merchant's there is no flow that could be run."""
    with pytest.raises(ValueError, match="confirm_app_id"):
        replace_content_key(configured(mirror), NOW, confirm_app_id="2021000000000099")


@pytest.mark.parametrize("gone", ["isv_aes_key", "app_private_key"])
def test_what_is_needed_to_ask(mirror: AlipayMirror, gone: str) -> None:
    """A setting that is missing is named before anything is sent."""
    with pytest.raises(ConfigFaults) as caught:
        next(fetch_content_key(configured(mirror, **{gone: ""}), NOW))
    assert [fault.where for fault in caught.value.faults] == [f"apps.{MERCHANT}.{gone}"]


def test_a_lost_connection_leaves_it_unknown(mirror: AlipayMirror) -> None:
    """Whether a reset was done is not known when the connection was lost after it was asked for."""
    flow = replace_content_key(configured(mirror), NOW, confirm_app_id="2021000000000004")
    asked(flow)
    with pytest.raises(OutcomeUnknown) as caught:
        flow.throw(ConnectionLost())
    assert "without --reset" in str(caught.value)  # to send it again would make yet another key


def test_after_a_reply_that_makes_no_sense_the_key_is_asked_for(mirror: AlipayMirror) -> None:
    """The same for a page of a proxy; a refusal, and a connection that was never made, have changed nothing."""
    for fails in (b"<html>", ConnectFailed(), b'{"error_response":{"code":"40006","msg":"x"}}'):
        flow = replace_content_key(configured(mirror), NOW, confirm_app_id="2021000000000004")
        asked(flow)
        with pytest.raises(HaomaError) as caught:
            flow.throw(fails) if isinstance(fails, ConnectFailed) else flow.send(Reply(200, {}, fails))
        assert ("without --reset" in str(caught.value)) == (fails == b"<html>")


def sealed(mirror: AlipayMirror, plain: object, key: bytes | None = None) -> str:
    isv_key = key or base64.b64decode(mirror.settings(BASE)[MERCHANT]["isv_aes_key"])
    return forge_cbc(isv_key, ZERO_IV, json.dumps(plain).encode() if not isinstance(plain, bytes) else plain)


def replied(mirror: AlipayMirror, node: object, *, signed: str = "", sign: bool = True) -> str:
    text = json.dumps(node)
    signature = f',"sign":"{forge_signature(mirror.alipay_key, signed or text)}"' if sign else ""
    flow = fetch_content_key(configured(mirror), NOW)
    asked(flow)
    key = finish(flow, f'{{"{NODE}":{text}{signature}}}'.encode())
    assert isinstance(key, Secret)
    return key.reveal()


CONTENT_KEY = base64.b64encode(bytes(range(16))).decode("ascii")


def test_layouts_of_the_reply(mirror: AlipayMirror) -> None:
    """A sealed node, with its slashes escaped or not, and a clear node that holds a sealed key, are both read."""
    whole = sealed(mirror, {"aes_key": CONTENT_KEY})
    assert replied(mirror, whole) == CONTENT_KEY
    twice = sealed(mirror, {"code": "10000", "aes_key": sealed(mirror, CONTENT_KEY.encode())})
    assert replied(mirror, twice) == CONTENT_KEY
    assert replied(mirror, {"code": "10000", "aes_key": sealed(mirror, CONTENT_KEY.encode())}) == CONTENT_KEY
    while "/" not in (whole := sealed(mirror, {"aes_key": CONTENT_KEY, "pad": os.urandom(8).hex()})):
        pass
    flow = fetch_content_key(configured(mirror), NOW)
    asked(flow)
    escaped = whole.replace("/", "\\/")
    sign = forge_signature(mirror.alipay_key, f'"{whole}"')
    assert finish(flow, f'{{"{NODE}":"{escaped}","sign":"{sign}"}}'.encode()).reveal() == CONTENT_KEY


def test_replies_that_are_refused(mirror: AlipayMirror) -> None:
    """Unsigned, signed without the quotes, sealed under another key, a clear key, a key of another size: refused."""
    good = sealed(mirror, {"aes_key": CONTENT_KEY})
    cases: list[tuple[type[HaomaError], Any, dict[str, Any]]] = [
        (ReplyUnsigned, good, {"sign": False}),
        (ReplyUnsigned, {"aes_key": good}, {"sign": False}),
        (ReplySignatureMismatch, good, {"signed": good}),
        (CannotOpen, sealed(mirror, {"aes_key": CONTENT_KEY}, os.urandom(16)), {}),
        (CannotOpen, {"aes_key": CONTENT_KEY}, {}),
        (NonsenseReply, sealed(mirror, {"aes_key": base64.b64encode(bytes(24)).decode()}), {}),
        (NonsenseReply, sealed(mirror, {"nothing": 1}), {}),
        (NonsenseReply, "!", {}),
    ]
    for refusal, node, options in cases:
        with pytest.raises(HaomaError) as caught:
            replied(mirror, node, **options)
        if refusal is NonsenseReply:  # a random block may also fail as padding
            assert isinstance(caught.value, NonsenseReply | CannotOpen)
        else:
            assert type(caught.value) is refusal
        assert CONTENT_KEY not in str(caught.value)


def test_the_gateways_refusal_is_explained(mirror: AlipayMirror) -> None:
    """A sealed refusal and a clear one are both the platform's refusal."""
    refused = {"code": "40006", "msg": "Insufficient Permissions", "sub_code": "isv.insufficient-isv-permissions"}
    for node in (sealed(mirror, refused), refused):
        with pytest.raises(HaomaError) as caught:
            replied(mirror, node)
        assert caught.value.code == "platform.permission-missing"


# --- the command


@pytest.fixture(scope="module")
def simulator() -> Any:
    with Simulator() as running:
        yield running


@pytest.fixture
def run(simulator: Simulator, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    values = simulator.stage.mirrors["alipay"].settings(simulator.url)[MERCHANT]
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    (tmp_path / "haoma.toml").write_text("\n".join(["allow_insecure_upstreams = true", "[apps.merchant]", *lines]))

    def invoke(*arguments: str, sent: str | None = None) -> Any:
        return CliRunner().invoke(command_line, ["alipay-aes-key", *arguments], input=sent)

    return invoke


def told(simulator: Simulator) -> str:
    return str(simulator.stage.mirrors["alipay"].settings(simulator.url)[MERCHANT]["aes_key"])


def test_command_writes_the_key_and_prints_none(run: Any, simulator: Simulator, tmp_path: Any) -> None:
    """The key is in the file, for its owner alone, and not on the screen; a file that is there is not touched."""
    done = run("--to", "key.txt")
    assert done.exit_code == 0, done.output
    assert told(simulator) not in done.output
    assert (tmp_path / "key.txt").read_text() == told(simulator) + "\n"
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600
    assert run("--to", "key.txt").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reset"],
        ["--yes-reset", "2021000000000099"],
        ["--yes-reset", ""],
        ["--yes-reset", "2021000000000004", "--to", "no/such/folder/key.txt"],
    ],
)
def test_command_does_not_reset_without_the_id(run: Any, simulator: Simulator, arguments: list[str]) -> None:
    """Another answer than the app's id changes nothing, and neither does a place where the key cannot be kept."""
    before = told(simulator)
    assert run(*arguments, sent="yes\n").exit_code == 2
    assert told(simulator) == before


@pytest.mark.parametrize(
    ("arguments", "typed"), [(["--reset"], "2021000000000004\n"), (["--yes-reset", "2021000000000004"], None)]
)
def test_command_resets(run: Any, simulator: Simulator, arguments: list[str], typed: str | None) -> None:
    """With the app's id Alipay makes a new key, which is not printed either."""
    before = told(simulator)
    done = run(*arguments, sent=typed)
    assert done.exit_code == 0, done.output
    assert told(simulator) != before
    assert told(simulator) not in done.output
