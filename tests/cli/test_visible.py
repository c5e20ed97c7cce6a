"""Whatever a command is given, and wherever: nothing that is not printable reaches the terminal, and no line is faked."""

import io
import json
import logging
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from haoma.cli import app
from haoma.errors import ConfigFaults, Fault, PlatformRefusal
from haoma.service.observe.log import Foreign, Lines, make_logger
from haoma.settings.model import HaomaWarning, Settings
from haoma.settings.reader import load
from haoma.visible import visible, visible_json

FAKED = "\nhaoma: error: faked"
HOSTILE = "\x1b]0;title\x07\x1b[2J\x1b]52;c;eA==\x9b31m\x85\u202e\u2066\u200b\ufeff\x7f\r\t" + FAKED
NASTY = st.text(
    st.one_of(
        st.sampled_from(
            "\x1b\x9b\x07\x08\r\n\t\x0b\x0c\x7f\x85\xad\u200b\u200e\u2028\u202e\u2066\u2069\ufeff\U000e0041"
        ),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=40,
)
TOML = '[apps.shop]\nplatform = "wechat"\napp_id = "wx0123456789abcdef"\n'
RUNNER = CliRunner(env={"LANG": "C.UTF-8", "HAOMA_CONFIG": ""})


def quoted(text):
    return json.dumps(text).replace("\x7f", "\\u007f")  # which JSON leaves alone, and TOML does not allow


def shown(*arguments, sent=None):
    done = RUNNER.invoke(app, [str(each) for each in arguments], input=sent)
    assert done.exception is None or isinstance(done.exception, SystemExit), (arguments, sent)
    return done.stdout, done.stderr


def check(*outputs):
    for output in outputs:
        assert not [each for each in output if not each.isprintable() and each != "\n"], ascii(output)
        assert not [line for line in output.splitlines() if line.startswith(FAKED.strip())], ascii(output)


def in_json(text):
    """Yield the places of a capture from which words are repeated."""
    for value in (
        {"errcode": 40029, "errmsg": text},
        {"errcode": text, "errmsg": text},
        {"errno": text, "msg": text, "logid": text},
        {"code": 1, "msg": text},
        {"code": 50012, "message": text, "data": {text: text}},
        {"access_token": "x", "expires_in": text},
        {"error_response": {"code": "40002", "sub_code": text, "sub_msg": text}},
        {f"{text}_response": {"code": "40002", "msg": text}},
        {
            "code": "platform.code-rejected",
            "platform": text,
            "app": text,
            "platform_code": text,
            "platform_message": text,
        },
        {"errMsg": f"getPhoneNumber:fail {text}", "errno": text},
        {"detail": {"errMsg": f"getPhoneNumber:fail {text}"}},
        {"authorization": {text: text}},
        {"response": text, "sign": text},
        {"encryptedData": text, "iv": text, "code": text},
        {"phone_info": {"watermark": {"appid": text}, "purePhoneNumber": text}, "errcode": 0},
        [{"masked": text, "checks": [], "phone_number": text, "platform": text, "app": text}],
    ):
        yield json.dumps(value)
    yield text
    yield f"errcode=40029 errmsg='{text}'"
    yield f"GET /phone?encryptedData={text}&iv={text}"
    yield f"trust.cannot-open platform=wechat app={text}"


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(text=HOSTILE)
@given(text=NASTY)
def test_captures(text):
    """The words of a capture, wherever they stand in it, in both forms."""
    for sent in in_json(text):
        check(*shown("inspect", "-", sent=sent), *shown("inspect", "-", "--json", "--lang", "zh", sent=sent))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(text=HOSTILE)
@given(text=NASTY)
def test_arguments(text):
    """Codes, names and options; what Typer itself says about them as well."""
    for arguments in (
        ("explain", f"x{text}"),
        (f"x{text}",),
        ("open", f"--x{text}"),
        ("open", f"x{text}", "--config", f"x{text}"),
        ("open", "a", f"x{text}", f"y{text}"),
        ("inspect", f"x{text}"),
        ("inspect", "-", "--lang", f"x{text}"),
        ("doctor", "--config", f"x{text}"),
        ("serve", "--config", f"x{text}"),
        ("serve", "--listen", f"x{text}"),
        ("simulate", "--listen", f"x {text}"),
    ):
        check(*shown(*arguments, sent=""))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(text=HOSTILE)
@given(text=NASTY)
def test_names_and_values_of_a_file(text):
    """A haoma.toml that came from elsewhere, with every command that reads it, as errors and as warnings."""
    name = quoted(text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "haoma.toml")
        for document in (
            f"{TOML}app_secret = {name}\nreply = {name}\nrequire = [{name}]\n{name} = 1\n",
            f"{TOML}app_secret = {{ env = {name} }}\ntoken = {name}\n",
            f"{TOML}app_secret = {{ file = {name} }}\n[{name}]\nx = 1\n",
            f"[apps.{name}]\nplatform = {name}\n[service]\nlisten = {name}\n{name} = 1\n",
            f"[apps.{name}]\nplatform = 'wechat'\napp_id = {name}\n",
            f"x = 1\n{text}",
        ):
            path.write_text(document, encoding="utf-8")
            for arguments in (
                ("doctor",),
                ("doctor", "--json"),
                ("open", "-"),
                ("serve",),
                ("open", "-", "--app", text),
            ):
                check(*shown(arguments[0], "--config", path, *arguments[1:], sent="{}"))
            try:
                faults = load(path, serving=True, environ={}).warnings
            except ConfigFaults as error:
                faults = error.faults
                check(str(error), repr(error))
            check(*map(str, faults), *map(repr, faults))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(text=HOSTILE)
@given(text=NASTY)
def test_names_of_files(text):
    """The files of a mini program, of a configuration and of a capture."""
    name = text.replace("/", "") or "x"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "mini", f"a{name}.js")
        page.parent.mkdir()
        page.write_text("const appSecret = '0123456789abcdef0123456789abcdef'\n")
        config = Path(folder, f"a{name}.toml")
        config.write_text(TOML + "x = 1\n")
        for more in ((), ("--json",)):
            outputs = shown("doctor", "--config", config, "--front-end", page.parent, *more)
            assert "doctor.secret-in-front-end" in outputs[0]
            check(*outputs)
        check(*shown("open", "-", "--config", config, sent="{}"), *shown("open", page, "--config", config))


@settings(max_examples=50, deadline=None)
@example(text=HOSTILE)
@given(text=NASTY)
def test_exceptions_warnings_and_logs(text):
    """What a traceback, a warning and a line of the service's log say."""
    error = PlatformRefusal(platform="wechat", app=text, platform_code=text, platform_message=text, because={"a": text})
    fault = Fault("config.bad-name", text, because={text: text}, file=text, line=1, warning=True)
    check(str(error), repr(error), str(fault), repr(fault), str(ConfigFaults([fault])))
    with warnings.catch_warnings(record=True) as given_warnings:
        warnings.simplefilter("always")
        Settings(apps={}, warnings=(fault,)).give_warnings()
    assert given_warnings[0].category is HaomaWarning
    check(str(given_warnings[0].message))
    stream = io.BytesIO()
    make_logger(Lines(stream)).warning(f"a{text}", because=text, more=[text])
    check(stream.getvalue().decode())
    assert stream.getvalue().count(b"\n") == 1
    foreign = Foreign()
    foreign._logger = make_logger(Lines(stream))
    foreign.emit(logging.LogRecord(text, logging.WARNING, "", 0, text, (), None))
    check(stream.getvalue().decode())


@given(text=st.text())
def test_the_rule(text):
    """What is printable stays as it is; JSON means the same afterwards."""
    assert visible(text).isprintable()
    assert not text.isprintable() or visible(text) == text
    for indent in (None, 2):
        written = visible_json(json.dumps({text: [text]}, ensure_ascii=False, indent=indent))
        assert json.loads(written) == {text: [text]}
        check(written)


@pytest.mark.parametrize("text", ["号码 +86138****8000", "étudiant 🙂", "C:\\x1b", ""])
def test_people_read_on(text):
    """Chinese, accents and emoji are printable, and a backslash is only that."""
    assert visible(text) == text
