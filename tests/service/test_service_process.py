"""The service as a process: how it starts, refuses to start, and stops."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from haoma import catalogue
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
from support.serving import START, Serving, free_port
from support.vault import Vault

KEY = "server-key-0123456789abcdefghij"
STAYS = "The configuration cannot be used; the one before stays in use."
UNNAMED_PROXY = "config.proxy-not-named"
APP_ID = "wx0123456789abcdef"
ED25519_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----"""


class SlowWeChat(BaseHTTPRequestHandler):
    """A platform that takes its time over a phone code."""

    asked = threading.Event()
    go_on = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if "getuserphonenumber" in self.path:
            self.asked.set()
            self.go_on.wait(60)  # longer than anybody waits: what ends before was ended by a limit
            number = {"phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86"}
            watermark = {"timestamp": int(time.time()), "appid": APP_ID}
            answer = {"errcode": 0, "errmsg": "ok", "phone_info": {**number, "watermark": watermark}}
        else:
            answer = {"access_token": "token-of-the-slow-platform", "expires_in": 7200}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def platform() -> Iterator[str]:
    SlowWeChat.asked.clear()
    SlowWeChat.go_on.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowWeChat) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        SlowWeChat.go_on.set()
        server.shutdown()
        thread.join()


def toml(platform: str = "http://127.0.0.1:9", service: str = "") -> str:
    return f"""allow_insecure_upstreams = true

[service]
server_keys = ["{KEY}"]
{service}
[apps.shop]
platform = "wechat"
app_id = "{APP_ID}"
app_secret = "{"0123456789abcdef" * 2}"
api_base_url = "{platform}"
"""


def envelopes(service: str = "") -> str:
    """Return a configuration that needs no memory: envelopes of Alipay alone."""
    app = (Path(__file__).parents[1] / "vectors" / "alipay" / "success-mainland" / "app.toml").read_text("utf-8")
    return f'[service]\nserver_keys = ["{KEY}"]\n{service}\n{app}'


def run(config: Path, workers: int = 1) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, str(config), str(workers)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_a_request_in_flight_finishes(platform: str, tmp_path: Path) -> None:
    """After SIGTERM the instance is not ready, the request under way gets its 200, and the process ends with 0."""
    with Serving(tmp_path, toml(platform, "drain_seconds = 8")) as serving, ThreadPoolExecutor(1) as pool:
        in_flight = pool.submit(serving.post, "/v1/apps/shop/phone-number", {"code": "a-phone-code"}, KEY)
        assert SlowWeChat.asked.wait(10)
        assert serving.ask("GET", "/readyz").status == 200
        serving.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 0.9
        while (ready := serving.ask("GET", "/readyz")).status == 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ready.status == 503
        assert ready.json["code"] == "caller.draining"
        assert ready.headers["retry-after"]
        healthy = serving.ask("GET", "/healthz")
        assert (healthy.status, healthy.headers["connection"]) == (200, "close")  # the next one is for another process
        # The port closes while the request is still under way.
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                serving.ask("GET", "/healthz")
            except OSError:
                break
            time.sleep(0.02)
        else:
            pytest.fail("the port stays open")
        assert serving.process.poll() is None
        SlowWeChat.go_on.set()
        answer = in_flight.result(10)
        assert answer.status == 200
        assert answer.json["phone_number"] == "+8613800138000"
        assert serving.process.wait(10) == 0


def test_a_request_in_flight_outlives_its_configuration(platform: str, tmp_path: Path) -> None:
    """After SIGHUP the request under way gets its 200 from the application that began it."""
    with Serving(tmp_path, toml(platform)) as serving, ThreadPoolExecutor(1) as pool:
        in_flight = pool.submit(serving.post, "/v1/apps/shop/phone-number", {"code": "a-phone-code"}, KEY)
        assert SlowWeChat.asked.wait(10)
        new_key = KEY[::-1]
        serving.config.write_text(serving.config.read_text().replace(KEY, new_key))
        serving.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while serving.post("/v1/apps/shop/login", {}, new_key).status == 401 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert serving.post("/v1/apps/shop/login", {}, KEY).status == 401
        SlowWeChat.go_on.set()
        assert in_flight.result(10).json["phone_number"] == "+8613800138000"
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(10) == 0


def test_a_request_has_a_time_limit(platform: str, tmp_path: Path) -> None:
    """A platform that does not answer is not waited for for ever; the same request may be sent again."""
    with Serving(tmp_path, toml(platform, "request_seconds = 1")) as serving:
        got = serving.post("/v1/apps/shop/phone-number", {"code": "a-phone-code"}, KEY)
        assert (got.status, got.json["code"], got.json["next"]) == (408, "caller.too-slow", "retry-later")
        assert not SlowWeChat.go_on.is_set()
        assert serving.logged(got)["diagnosis"]
        SlowWeChat.go_on.set()
        again = serving.post("/v1/apps/shop/phone-number", {"code": "a-phone-code"}, KEY)
        assert again.json["phone_number"] == "+8613800138000"


def test_a_caller_that_hangs_up_loses_nothing(platform: str, tmp_path: Path) -> None:
    """The platform's answer to a code that works once is kept for the caller that comes again."""
    body = b'{"code":"a-phone-code"}'
    head = f"POST /v1/apps/shop/phone-number HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n"
    with Serving(tmp_path, toml(platform)) as serving:
        with socket.create_connection(("127.0.0.1", serving.port)) as connection:
            connection.sendall(f"{head}\r\n".encode() + body)
            assert SlowWeChat.asked.wait(10)
        SlowWeChat.go_on.set()
        SlowWeChat.asked.clear()
        assert serving.post("/v1/apps/shop/phone-number", body, KEY).json["phone_number"] == "+8613800138000"
        assert not SlowWeChat.asked.is_set()


def test_faults_are_printed_all_at_once(tmp_path: Path) -> None:
    """A configuration with faults ends with 2, and every fault is on stderr."""
    config = tmp_path / "haoma.toml"
    config.write_text('[service]\nlisten = "nowhere"\nworkers = "many"\n[apps.shop]\nplatform = "fax"\n')
    ended = run(config)
    assert ended.returncode == 2
    for code in ("config.bad-listen", "config.wrong-type", "config.unknown-platform", "config.no-server-keys"):
        assert ended.stderr.count(f"[{code}]") == 1
    assert "Traceback" not in ended.stderr


def children(process: subprocess.Popen[bytes]) -> set[int]:
    """Return the processes that a process has started and that are workers."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
    workers = set()
    for pid in found:
        with suppress(OSError):  # it is gone meanwhile
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                workers.add(int(pid))
    return workers


def said(serving: Serving, event: str) -> bool:
    return any(line["event"] == event for line in serving.log())


def wait_until(serving: Serving, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, serving.written()
        time.sleep(0.03)


def test_one_worker_is_the_process(tmp_path: Path) -> None:
    """With one worker nothing but it is started, and it stops at once when somebody presses Ctrl-C.

    The server could share its port with a second instance; haoma does not let it.
    """
    with Serving(tmp_path, toml()) as serving:
        assert children(serving.process) == set()
        assert UNNAMED_PROXY not in serving.written()  # only a back end comes
        ended = run(serving.config)
        assert (ended.returncode, "config.cannot-listen" in ended.stderr) == (2, True)
        serving.process.send_signal(signal.SIGINT)
        assert serving.process.wait(5) == 0


def test_several_workers(tmp_path: Path) -> None:
    """They share one port, one signing key and one set of metrics, and each finishes what is in flight.

    SIGTERM reaches every worker: not ready, then a closed port, then the answer under way, and 0.
    """
    head = (
        f"POST /v1/apps/shop/phone-number HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 2\r\n"
    )
    service = f'publishable_keys = ["publishable-key-0123"]\nsigning_keys = """{ED25519_KEY}"""\n'
    with (
        Serving(tmp_path, envelopes(f"{service}drain_seconds = 8\nbody_seconds = 20"), workers=2) as serving,
        socket.create_connection(("127.0.0.1", serving.port), 10) as connection,
    ):
        keys = {serving.ask("GET", "/.well-known/jwks.json").body for _ in range(20)}
        assert len(keys) == 1
        counted = 'haoma_requests_total{app="",code="",platform="",route="/.well-known/jwks.json",status="2xx"} 20.0'
        deadline = time.monotonic() + 30  # each worker counts what it answered a moment later
        while counted not in (said := serving.ask("GET", "/metrics").body.decode()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert counted in said
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")  # the body is waited for
        serving.process.send_signal(signal.SIGTERM)
        found = set()
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            try:
                found.add(serving.ask("GET", "/readyz").status)
            except OSError:
                break
            time.sleep(0.02)
        else:
            pytest.fail("the port stays open")
        assert 503 in found
        assert serving.process.poll() is None
        connection.sendall(b"{}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
        assert serving.process.wait(10) == 0


def test_a_worker_that_died_is_replaced(tmp_path: Path) -> None:
    """The others go on, and a new one comes with the configuration in use, whatever its files say by now.

    What is wrong with them is in the log. Here the table of keys is gone, then a file that it names.
    """
    digests = tmp_path / "key"
    digests.write_text(KEY)
    text = envelopes().replace(f'["{KEY}"]', '{ file = "key" }')
    with Serving(tmp_path, text, workers=2) as serving:
        wait_until(serving, lambda: len(children(serving.process)) == 2 and said(serving, "listening"))
        first, good = children(serving.process), serving.config.read_text()
        serving.config.write_text("[service]\n")
        digests.unlink()
        os.kill(min(first), signal.SIGKILL)
        wait_until(serving, lambda: said(serving, "A worker died and was replaced."))
        wait_until(serving, lambda: said(serving, STAYS))
        assert "config.no-server-keys" in [line.get("code") for line in serving.log()]
        (second,) = children(serving.process) - first
        os.kill(max(first), signal.SIGKILL)  # so the new one has to answer

        def answers() -> bool:
            with suppress(OSError):
                return serving.post("/v1/apps/shop/phone-number", {}, KEY).status == 400
            return False

        wait_until(serving, answers)
        wait_until(serving, lambda: len(children(serving.process) - first) == 2)
        # What is put right is in use after a reload, in those that take a place as well.
        serving.config.write_text(good)
        digests.write_text(KEY[::-1])
        serving.process.send_signal(signal.SIGHUP)
        wait_until(serving, lambda: said(serving, "The configuration was read again and is in use."))
        os.kill(second, signal.SIGKILL)
        wait_until(serving, lambda: len(children(serving.process) - first - {second}) == 2)
        wait_until(serving, lambda: serving.post("/v1/apps/shop/phone-number", {}, KEY[::-1]).status == 400)
        assert {serving.post("/v1/apps/shop/phone-number", {}, KEY).status for _ in range(6)} == {401}


def keeping_accounts(folder: Path, vault: Vault) -> str:
    """Return a configuration that keeps accounts, with keys that a Vault has wrapped, and make its tables."""
    database = f"sqlite:///{folder / 'own.db'}"
    upgrade(StoreSettings(database))
    secrets = [f'"1:{base64.b64encode(os.urandom(32)).decode()}"' for _ in range(3)]
    return envelopes(
        f"[store]\ndatabase_url = {json.dumps(database)}\nkeys = {secrets[0]}\n"
        f'[accounts]\nkeys = "2:{vault.wrap(os.urandom(32))}"\npeppers = {secrets[1]}\naudit_keys = {secrets[2]}\n'
        "[accounts.vault]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in vault.settings().items())
    )


def test_a_vault_that_is_away_keeps_a_service_from_starting(tmp_path: Path) -> None:
    """It says why, as a fault of the configuration, and not the token."""
    with Vault() as vault:
        (tmp_path / "haoma.toml").write_text(keeping_accounts(tmp_path, vault))
        vault.sealed = True
        for workers in (1, 2):
            ended = run(tmp_path / "haoma.toml", workers)
            assert (ended.returncode, ended.stdout) == (2, "")
            assert "config.vault-refused" in ended.stderr
            assert "Vault is sealed" in ended.stderr
            assert vault.token not in ended.stderr


def test_a_vault_that_is_away_stops_no_service_that_runs(tmp_path: Path) -> None:
    """A worker that dies meanwhile cannot be replaced yet; the others serve, and it comes back with the Vault."""
    with Vault() as vault, Serving(tmp_path, keeping_accounts(tmp_path, vault), workers=2) as serving:
        deadline = time.monotonic() + 60
        while len(before := children(serving.process)) < 2 or len(vault.asked) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        vault.sealed = True
        dead = min(before)
        os.kill(dead, signal.SIGKILL)
        asked = len(vault.asked)
        while len(vault.asked) < asked + 2:  # it has been tried again
            assert time.monotonic() < deadline
            assert serving.ask("GET", "/healthz").status == 200
            time.sleep(0.05)
        vault.sealed = False
        alive = max(before)
        while len(after := children(serving.process) - before) < 1 or len(vault.asked) < asked + 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(alive, signal.SIGKILL)  # so the new one has to answer
        while True:
            with suppress(OSError):
                if serving.ask("GET", "/healthz").status == 200:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert after
        assert vault.token not in serving.written()


def test_a_script_without_a_guard_ends(tmp_path: Path) -> None:
    """Workers import the script that started them; one that would start workers again is told so, and ends."""
    (tmp_path / "haoma.toml").write_text(envelopes(f'listen = "127.0.0.1:{free_port()}"'))
    script = tmp_path / "script.py"
    script.write_text('import sys\nfrom haoma.service import serve\nsys.exit(serve("haoma.toml", workers=2))\n')
    ended = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, "__main__" in ended.stderr) == (1, True)


def test_the_time_for_what_is_in_flight_ends(platform: str, tmp_path: Path) -> None:
    """After `drain_seconds` the process ends, whatever is still under way, and the log tells of it."""
    with Serving(tmp_path, toml(platform, "drain_seconds = 2")) as serving, ThreadPoolExecutor(1) as pool:
        in_flight = pool.submit(serving.post, "/v1/apps/shop/phone-number", {"code": "a-phone-code"}, KEY)
        assert SlowWeChat.asked.wait(10)
        start = time.monotonic()
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(30) == 0
        assert time.monotonic() - start > 1.5
        assert in_flight.result().status == 408
        assert serving.logged(in_flight.result())["code"] == "caller.too-slow"
        assert "Exception" not in serving.written()


def python(code: str, *arguments: str, lang: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "LC_ALL": f"{lang}.UTF-8", "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, encoding="utf-8", timeout=30, check=False, env=environ,
    )  # fmt: skip


MEMORY = '\n[store]\ndatabase_url = "memory"\n'
IN_TURN = """
import contextlib, io, json, sys, tempfile
from haoma.cli import app
told = {}
for code, config, options, folder in json.loads(sys.argv[1]):
    tempfile.tempdir = folder
    with contextlib.redirect_stdout(io.StringIO()) as stdout, contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            app(["serve", "--config", config, *options], prog_name="haoma")
        except SystemExit as ended:
            told[code] = ended.code, stdout.getvalue(), stderr.getvalue()
print(json.dumps(told))
"""


@pytest.mark.parametrize(
    ("lang", "names", "one_worker"),
    [("en", ("cause: ", "remedy: "), "set `workers = 1`"), ("zh_CN", ("原因: ", "办法: "), "设置 `workers = 1`")],
)
def test_every_fault_of_the_start_is_told_alike(
    tmp_path: Path, lang: str, names: tuple[str, str], one_worker: str
) -> None:
    """A taken port, a missing key and a missing folder are told like a fault of the file: cause, remedy, language.

    So are two workers where a request needs what another one left: the apps are named, and what to set.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        faults: dict[str, tuple[str, list[str], str | None]] = {
            "cannot-listen": (toml(service=f'listen = "127.0.0.1:{taken.getsockname()[1]}"'), [], None),
            "no-server-keys": (envelopes().replace(f'server_keys = ["{KEY}"]', ""), [], None),
            "signing-key-needed": (envelopes('publishable_keys = ["publishable-key-0123"]'), ["--workers", "2"], None),
            "no-temporary-folder": (envelopes(), ["--workers", "2"], str(tmp_path / "nowhere")),
            "needs-one-worker": (toml() + MEMORY, ["--workers", "2"], None),
            "needs-one-worker of the file": (toml(service="workers = 2") + MEMORY, [], None),
        }
        starts = []
        for name, (text, options, folder) in faults.items():
            (tmp_path / f"{name}.toml").write_text(text)
            starts.append((name, str(tmp_path / f"{name}.toml"), options, folder))
        # All in one process: to start one takes longer than to find a fault. Nothing is served.
        told = json.loads(python(IN_TURN, json.dumps(starts), lang=lang).stdout)
    assert told.keys() == faults.keys()
    for name, (status, stdout, said) in told.items():
        code = name.split()[0]
        assert (name, status, stdout) == (name, 2, "")
        assert f"[config.{code}]" in said
        words = catalogue.words(f"config.{code}", lang[:2])
        for text in (words.title, names[0] + words.cause, names[1] + words.remedy):
            assert text in said
        assert "Traceback" not in said
        if code == "needs-one-worker":
            assert "apps.shop.platform" in said
            assert one_worker in said


def test_warnings_are_printed_at_every_start(tmp_path: Path) -> None:
    """What works but should be looked at is said before the first request.

    Where the mini program can only come through a proxy, its address is asked for.
    """
    with Serving(tmp_path, toml(service='publishable_keys = ["publishable-key-0123"]')) as serving:
        warned = [line["code"] for line in serving.log() if line["event"] == "configuration"]
    for code in ("config.insecure-upstreams-allowed", "config.signing-key-ephemeral", UNNAMED_PROXY):
        assert warned.count(code) == 1


def test_nothing_of_the_server_is_printed(tmp_path: Path) -> None:
    """Whatever the process writes is a line of JSON."""
    keys = 'publishable_keys = ["publishable-key-0123"]\ntrusted_proxies = ["127.0.0.1"]'
    with Serving(tmp_path, toml(service=keys)) as serving:
        serving.raw(b"NONSENSE\r\n\r\n", timeout=2)
        serving.raw(b"GET / HTTP/9.9\r\n\r\n", timeout=2)
        lines = serving.written().splitlines()
    assert all(line.startswith("{") for line in lines)
    assert not any(UNNAMED_PROXY in line for line in lines)  # the proxy is named
