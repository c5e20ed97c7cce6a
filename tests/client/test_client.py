"""The clients: the same answers sync and async, against platforms on the loopback; only our own errors come out."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import haoma
from haoma import errors
from haoma.client import AsyncClient, Client
from haoma.settings.reader import from_mapping
from haoma.simulator import Simulator
from support.vector_cases import cases

SHOP = next(case for case in cases("alipay") if case.name == "alipay/success-mainland")


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def settings(simulator):
    return from_mapping(simulator.stage.settings(simulator.url))


@pytest.fixture
def shop():
    return from_mapping({"apps": {"shop": SHOP.app}})


class AsyncInThread:
    """Calls an async client as if it were a sync one, in one event loop."""

    def __init__(self, *args, **options):
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*args, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._runner.run(self._client.aclose())
        self._runner.close()

    def get_phone_number(self, *args, **options):
        return self._runner.run(self._client.get_phone_number(*args, **options))

    def log_in(self, *args):
        return self._runner.run(self._client.log_in(*args))


@pytest.fixture(params=[Client, AsyncInThread], ids=["sync", "async"])
def client_class(request):
    return request.param


def outcome(call):
    """What a call gave: the object, or the error's code; any other exception fails the test."""
    try:
        return call().to_dict()
    except haoma.HaomaError as error:
        return error.code


@pytest.mark.parametrize(
    "platform, scene",
    [
        ("alipay", "ok"),
        ("alipay", "used-login-code"),
        ("alipay", "login-unsigned"),
        ("wechat", "ok"),
        ("wechat", "overseas"),
        ("wechat", "denied"),
        ("wechat", "stale-token"),
        ("wechat", "used-code"),
    ],
)
def test_scenes(client_class, simulator, settings, platform, scene):
    """Both clients give what the scene of the simulator expects."""
    tap = simulator.tap(platform, scene)
    with client_class(settings) as client:
        found = outcome(lambda: client.get_phone_number(tap.app, tap.body))
    assert found["phone_number"] == tap.phone_number if tap.expect == "ok" else found == tap.expect


def test_login_code_beside_the_authorization(client_class, simulator, settings):
    """A login code may be given beside what was sent, in whatever shape that came, and names the subject."""
    with client_class(settings) as client:
        for shape in (dict, str, bytes):
            tap = simulator.tap("alipay", "ok")
            sent = tap.body["authorization"]["response"]
            sent = {"response": sent} if shape is dict else sent if shape is str else sent.encode()
            phone = client.get_phone_number(tap.app, sent, login_code=tap.login_code)
            assert phone.subject is not None


def test_login_code_twice(client_class, simulator, settings):
    """The same login code in the body and beside it is one; two different ones are refused before anything is used."""
    with client_class(settings) as client:
        tap = simulator.tap("alipay", "ok")
        before = simulator.calls
        with pytest.raises(errors.BadField) as caught:
            client.get_phone_number(tap.app, tap.body, login_code="0123456789")
        assert (caught.value.platform, caught.value.app) == ("alipay", tap.app)
        assert "0123456789" not in str(caught.value)
        assert simulator.calls == before
        assert client.get_phone_number(tap.app, tap.body, login_code=tap.login_code).subject is not None


def test_log_in(client_class, simulator, settings):
    """A login is kept under a handle, which binds a number that is sent with it later; its repr hides the handle."""
    with client_class(settings) as client:
        tap = simulator.tap("alipay", "ok")
        session = client.log_in(tap.app, tap.login_code)
        assert session.app == tap.app
        assert session.handle not in repr(session)
        phone = client.get_phone_number(tap.app, tap.body["authorization"] | {"session": session.handle})
        assert phone.subject == session.subject
        with pytest.raises(errors.MissingField):
            client.log_in(tap.app, "")
        with pytest.raises(errors.WrongArgument):
            client.log_in(tap.app, {"login_code": tap.login_code})
        with pytest.raises(haoma.errors.LoginCodeRejected):
            client.log_in(tap.app, tap.login_code)


class Hostile(dict[str, object]):
    """A mapping that fails when it is read."""

    def __init__(self):
        super().__init__(response="x")

    def keys(self):
        raise RuntimeError("13811112222")

    def __iter__(self):
        raise RuntimeError("13811112222")

    def items(self):
        raise RuntimeError("13811112222")


@pytest.mark.parametrize(
    "sent",
    [None, 1, 1.5, True, object(), [], ["x"], {1: 2}, {"response": object()}, {"response": {1, 2}}, set(), Hostile(),
     "", b"", b"\xff", "\ud800", "{" * 40000, bytearray(b"{}"), memoryview(b"{}"), {"login_code": 3}, {"session": []},
     {"response": float("nan")}, "null", "0", '"', "response=%FF", {"authorization": {"authorization": {}}}],
    ids=lambda sent: f"{type(sent).__name__}-{len(repr(sent))}",
)  # fmt: skip
def test_only_our_errors(client_class, shop, sent):
    """Whatever is given instead of an authorization, one of our errors comes out, and quotes nothing."""
    with client_class(shop) as client:
        for options in ({}, {"login_code": "code"}):
            with pytest.raises(haoma.HaomaError) as caught:
                client.get_phone_number("shop", sent, **options)
            assert "13811112222" not in f"{caught.value} {caught.value!r} {caught.value.diagnosis}"
            assert caught.value.__cause__ is None
        with pytest.raises(haoma.HaomaError):
            client.log_in("shop", sent)


@pytest.mark.parametrize("login_code", [1, b"code", "two words", "x" * 600, "é", object()])
def test_bad_login_codes(client_class, shop, login_code):
    """A login code that cannot be one is refused as a field."""
    with client_class(shop) as client, pytest.raises(errors.BadField) as caught:
        client.get_phone_number("shop", SHOP.sent, login_code=login_code)
    assert caught.value.because["field"] == "login_code"


@pytest.mark.parametrize("app", ["shopp", "", "{}"])
def test_unknown_app(client_class, shop, app):
    """A name that no app has is a mistake in the program; the error names the apps that there are."""
    with client_class(shop) as client:
        for call in (lambda: client.get_phone_number(app, SHOP.sent), lambda: client.log_in(app, "code")):
            with pytest.raises(haoma.errors.NoSuchApp) as caught:
                call()
            assert isinstance(caught.value, LookupError)
            assert caught.value.because["known"] == "shop"


def test_apps_from_python(client_class):
    """A client takes one app, several, or an app that it was not made with."""
    options = {name: value for name, value in SHOP.app.items() if name != "platform"}
    app = haoma.configure("alipay", name="shop", **options)
    for apps, asked in ((app, "shop"), ([app], "shop"), ([], app)):
        with client_class(apps) as client:
            assert client.get_phone_number(asked, SHOP.sent).e164 == SHOP.phone_number


def test_from_file(tmp_path):
    """A client is made from a haoma.toml, or refuses it with all faults."""
    path = tmp_path / "haoma.toml"
    path.write_text((SHOP.path / "app.toml").read_text("utf-8"), "utf-8")
    with Client.from_file(path) as client:
        assert client.get_phone_number("shop", SHOP.sent).e164 == SHOP.phone_number
    assert list(AsyncClient.from_file(path).apps) == ["shop"]
    path.write_text("allow_insecure_upstreams = true\n" + path.read_text("utf-8"), "utf-8")
    for cls in (Client, AsyncClient):
        with pytest.warns(haoma.HaomaWarning, match="insecure-upstreams-allowed") as given:
            cls.from_file(path)
        assert given[0].filename == __file__
    path.write_text("[apps]")
    with pytest.raises(haoma.ConfigFaults):
        Client.from_file(path)
    with pytest.raises(haoma.ConfigFaults):
        AsyncClient.from_file(path)


def test_envelopes_open_without_a_socket(client_class, shop, monkeypatch):
    """Opening an envelope needs no network: no socket is made."""
    made = []
    real = socket.socket

    def counted(family=-1, *args, **options):
        if family in (socket.AF_INET, socket.AF_INET6):  # an event loop makes a pair of another family for itself
            made.append(family)
        return real(family, *args, **options)

    with client_class(shop) as client:
        monkeypatch.setattr(socket, "socket", counted)
        assert client.get_phone_number("shop", SHOP.sent).e164 == SHOP.phone_number
    assert made == []


def test_one_client_many_threads(simulator, settings):
    """Threads share a client: the first requests at once open one pool and fetch one token."""
    taps = [simulator.tap("wechat", "ok") for _ in range(8)]
    before = simulator.calls["wechat"]
    barrier = threading.Barrier(len(taps))
    with Client(settings) as client, ThreadPoolExecutor(len(taps)) as pool:

        def get(tap):
            barrier.wait()
            return client.get_phone_number(tap.app, tap.body).e164

        assert list(pool.map(get, taps)) == [tap.phone_number for tap in taps]
    after = simulator.calls["wechat"]
    assert after["/cgi-bin/stable_token"] - before.get("/cgi-bin/stable_token", 0) == 1


def test_the_same_code_again(client_class, simulator, settings):
    """The same authorization again gives the same answer without a second call; another caller is refused."""
    tap = simulator.tap("wechat", "ok")
    with client_class(settings) as client:
        first = client.get_phone_number(tap.app, tap.body, caller="a")
        calls = simulator.calls["wechat"]["/wxa/business/getuserphonenumber"]
        again = client.get_phone_number(tap.app, tap.body, caller="a")
        assert (again.e164, again.checks) == (first.e164, first.checks)
        assert (first.repeated, again.repeated) == (False, True)
        with pytest.raises(haoma.AlreadyUsed):
            client.get_phone_number(tap.app, tap.body, caller="b")
        assert simulator.calls["wechat"]["/wxa/business/getuserphonenumber"] == calls


def test_plain_http_only_where_it_was_permitted(simulator):
    """A client made of apps permits plain http if, and only if, an app was configured with it."""
    options = dict(simulator.stage.settings(simulator.url)["apps"]["wechat"])
    options.pop("platform")
    with pytest.warns(haoma.HaomaWarning):
        app = haoma.configure("wechat", name="wechat", allow_insecure_upstreams=True, **options)
    tap = simulator.tap("wechat", "ok")
    with Client(app) as client:
        assert client.get_phone_number("wechat", tap.body).e164 == tap.phone_number
    with Client([]) as client, pytest.raises(errors.HostNotAllowed):
        client.get_phone_number(app, simulator.tap("wechat", "ok").body)
