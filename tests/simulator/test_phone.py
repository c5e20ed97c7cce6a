"""The phone in the browser, as its page uses it: over HTTP, with the real service that the simulator starts for it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from haoma.errors import BY_CODE
from haoma.platforms.base.mirroring import ANYBODY, Scene
from haoma.platforms.registry import PLATFORMS
from haoma.simulator import Simulator
from haoma.simulator.phone import runs
from haoma.simulator.phone.runs import Runs
from haoma.simulator.stage import Stage

ALL = list(Stage().scenes())
STOPS = ["sealed", "sent", "checked", "came", "means"]
LONG = re.compile(r"[A-Za-z0-9+/_=-]{41,}|(?<!\d)1[3-9]\d{9}(?!\d)")


class Page:
    """What a page does, as the scripts of the page do it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._netloc = urlsplit(url).netloc
        self.catalogue: dict[str, Any] = self.get("/phone/api/catalogue?lang=en")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection(self._netloc, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): each for name, each in headers.items()})
            answer = connection.getresponse()
            text = answer.read().decode()
            kind = answer.headers.get("content-type", "")
            names = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, json.loads(text) if kind.startswith("application/json") else text, names
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        status, found, _ = self.ask("GET", path)
        assert status == 200, found
        return found

    def post(self, path: str, content: object, status: int = 200) -> Any:
        found = self.ask("POST", f"/phone/api/{path}", json.dumps(content).encode(), Content_Type="application/json")
        assert found[0] == status, found[1]
        return found[1]

    def begin(self, platform: str, scene: str, **more: object) -> str:
        run: str = self.post("runs", {"platform": platform, "scene": scene, **more})["run"]
        return run

    def send(self, run: str, app: str, body: object, path: str = "", status: int = 200) -> Any:
        service = self.catalogue["service"]
        headers = {"Authorization": f"Bearer {service['key']}", "Content-Type": "application/json"}
        sent = {
            "method": "POST",
            "path": path or service["path"].format(app=app),
            "headers": headers,
            "body": json.dumps(body),
        }
        return self.post(f"runs/{run}/send", sent, status)

    def finish(self, run: str, app: str, login_code: str, *, allow: bool = True) -> dict[str, Any]:
        """Tap and send, as a good front end does; return the timeline."""
        tapped = self.post(f"runs/{run}/tap", {"allow": allow})
        if not tapped["failed"]:
            body = tapped.get("body") or posted(tapped["event"], login_code)
            self.send(run, app, body)
        return self.timeline(run)

    def play(self, platform: str, scene: Scene, *, allow: bool = True) -> dict[str, Any]:
        """Play a scene with a user of its own: logins of one user at the same time replace each other's session_key."""
        run = self.begin(platform, scene.name, user="new")
        return self.finish(run, scene.app, self.post(f"runs/{run}/login", {})["code"], allow=allow)

    def timeline(self, run: str, lang: str = "en") -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/phone/api/runs/{run}?lang={lang}")
        assert [stop["id"] for stop in found["stops"]] == STOPS
        return found


def posted(event: dict[str, Any], login_code: str) -> dict[str, Any]:
    """The one body that the kit posts."""
    authorization = {name: event[name] for name in ("response", "code", "encryptedData", "iv") if name in event}
    return {"authorization": authorization, **({"login_code": login_code} if login_code else {})}


def stop(timeline: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = timeline["stops"][STOPS.index(name)]
    return found


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def page(simulator: Simulator) -> Page:
    return Page(simulator.url)


def scene_of(platform: str, name: str) -> Scene:
    return next(scene for each, scene in ALL if each == platform and scene.name == name)


# --- the scenes


def check(page: Page, platform: str, scene: Scene) -> dict[str, Any]:
    """Play a scene; it ends as the catalogue says, and all that is shown may be."""
    shown = page.play(platform, scene)
    listed = next(each for each in page.catalogue["platforms"] if each["name"] == platform)
    said = next(each for each in listed["scenes"] if each["name"] == scene.name)
    came, means, checked = stop(shown, "came"), stop(shown, "means"), stop(shown, "checked")
    assert (came["code"] or "ok", shown["scene"]["expect"]) == (scene.expect, scene.expect), (scene.name, shown)
    if scene.expect == "ok":
        assert (shown["state"], came["status"]) == ("ok", 200)
        assert "****" in came["masked"] or len(came["masked"]) < 11
        assert [each["state"] for each in checked["steps"]] == ["ok"] * len(checked["steps"])
        assert len(came["checks"]) == 5
        in_chinese = stop(page.timeline(shown["run"], "zh"), "came")["checks"]
        assert all(re.search(r"[\u4e00-\u9fff]", each["how"]) for each in in_chinese), in_chinese
        assert means["text"]
    else:
        assert shown["state"] in ("no", "fix", "unk")
        assert (means["heading"], means["remedy"], means["who_label"]) != ("", "", "")
        assert (shown["state"] == "unk") == scene.expect.startswith("outside.")
        assert means["who"] in ("user", "developer", "platform", "nobody")
        if shown["state"] != "unk":
            assert (shown["state"] == "fix") == (means["who"] == "developer")
    states = [each["state"] for each in checked["steps"]]
    failing = [number for number, state in enumerate(states) if state in ("no", "fix")]
    if failing:
        assert states == ["ok"] * failing[0] + [shown["state"]] + ["idle"] * (len(states) - failing[0] - 1)
        assert checked["steps"][failing[0]]["reason"]
    for lang in ("zh", "en"):
        whole = {**page.timeline(shown["run"], lang), "code": ""}
        shown_text = re.sub(r"https://[^\s\"]+|/v1/[^\s\"]+", "", json.dumps({**whole, "run": ""}, ensure_ascii=False))
        assert not LONG.search(shown_text), (scene.name, LONG.search(shown_text))
    assert said["outcome"] == shown["state"] or scene.expect not in BY_CODE or means["who"] != said["who"]
    compile(shown["code"]["python"], "program.py", "exec")
    compile(shown["code"]["pytest"], "test.py", "exec")
    return shown


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_scene(page: Page, platform: str) -> None:
    """Every scene of a platform ends as it says, and its timeline agrees. Those with no answer are played below."""
    names = [scene for each, scene in ALL if each == platform and not scene.expect.startswith("outside.")]
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda scene: check(page, platform, scene), names):
            pass


def test_every_scene_without_an_outcome(page: Page) -> None:
    """Slow, reset, busy, nonsense: one after another on a platform, or its circuit would open; platforms at once."""

    def play(platform: str) -> int:
        found = [scene for each, scene in ALL if each == platform and scene.expect.startswith("outside.")]
        for scene in found:
            shown = check(page, platform, scene)
            assert {each["state"] for each in stop(shown, "checked")["steps"]} & {"unk"}
            ok = next(each for name, each in ALL if name == platform and each.expect == "ok" and each.app == scene.app)
            check(page, platform, ok)
        return len(found)

    with ThreadPoolExecutor(len(PLATFORMS)) as pool:
        assert sum(pool.map(play, PLATFORMS)) > 10


@pytest.mark.parametrize("platform", PLATFORMS)
def test_denied(page: Page, platform: str) -> None:
    """A user who denies ends each scene alike: nothing is sent, and that is shown."""
    for scene in [scene for each, scene in ALL if each == platform]:
        shown = page.play(platform, scene, allow=False)
        assert (shown["state"], stop(shown, "came")["code"]) == ("no", "envelope.user-declined"), scene.name
    shown = page.play(platform, scene_of(platform, "ok"), allow=False)
    assert (shown["state"], shown["failed"]) == ("no", True)
    assert [each["state"] for each in shown["stops"]] == ["no", "idle", "idle", "no", "no"]
    assert stop(shown, "came")["code"] == "envelope.user-declined"
    assert stop(shown, "means")["who"] == "user"
    assert stop(shown, "sent")["wire"] is None
    assert "allow=False" in shown["code"]["python"]


def test_a_button_that_fails_says_why(page: Page) -> None:
    """The platform's own number is explained, although nothing was sent: who acts depends on it."""
    declared, agreed = (page.play("wechat", scene_of("wechat", f"errno-{n}-button")) for n in (112, 104))
    assert [stop(each, "came")["code"] for each in (declared, agreed)] == ["platform.privacy-not-declared"] * 2
    assert [each["state"] for each in (declared, agreed)] == ["fix", "no"]
    assert [stop(each, "means")["who"] for each in (declared, agreed)] == ["developer", "user"]
    assert "104" in stop(agreed, "means")["heading"]


def test_a_mistake_of_a_front_end_is_made_and_said(page: Page) -> None:
    """The page sends what the button gave; the scene is about something else, so that is what the service gets."""
    shown = page.play("baidu", scene_of("baidu", "without-login"))
    assert stop(shown, "came")["code"] == "envelope.missing-field"
    assert "login_code" not in stop(shown, "sent")["wire"]["body"]
    assert (stop(shown, "sent")["state"], bool(stop(shown, "sent")["text"])) == ("fix", True)
    own = page.begin("baidu", "without-login", own=True)  # the developer's mini program sends what it sends
    whole = page.finish(own, "baidu", page.post(f"runs/{own}/login", {})["code"])
    assert (whole["state"], stop(whole, "sent")["text"]) == ("ok", "")


def test_the_catalogue_in_both_languages(page: Page) -> None:
    """Platforms, users, scenes, groups and steps have their words, and no number in full."""
    zh, en = (page.get(f"/phone/api/catalogue?lang={lang}") for lang in ("zh", "en"))
    assert [each["name"] for each in zh["platforms"]] == list(PLATFORMS)
    for one, other in zip(zh["platforms"], en["platforms"], strict=True):
        assert one["title"] != other["title"]
        assert [scene["name"] for scene in one["scenes"]] == [scene["name"] for scene in other["scenes"]]
        assert {scene["group"] for scene in one["scenes"]} <= {group["name"] for group in zh["groups"]}
        assert {scene["app"] for scene in one["scenes"]} == set(one["apps"])
        assert all(step["text"] for way in one["steps"].values() for step in way)
    assert not LONG.search(json.dumps([zh["platforms"], zh["groups"]]))


# --- time


def test_a_code_ages(page: Page) -> None:
    """A WeChat code that waits five minutes is refused; back in the present, the next one is not."""
    run = page.begin("wechat", "ok")
    code = page.post(f"runs/{run}/login", {})["code"]
    event = page.post(f"runs/{run}/tap", {"allow": True})["event"]
    moved = page.post("clock", {"advance": 299})
    try:
        assert moved["ahead"] == 299
        again = page.begin("wechat", "ok")
        assert page.finish(again, "wechat", page.post(f"runs/{again}/login", {})["code"])["state"] == "ok"
        page.post("clock", {"advance": 10})
        page.send(run, "wechat", {"authorization": {"code": event["code"]}})
        shown = page.timeline(run)
        assert (shown["state"], stop(shown, "came")["code"]) == ("no", "platform.code-rejected")
        del code
    finally:
        assert page.post("clock", {"reset": True})["ahead"] == 0
    assert page.play("wechat", scene_of("wechat", "ok"))["state"] == "ok"
    assert re.search(r'"tap_age": 3\d\d\b', shown["code"]["curl"])


def test_a_login_ages(page: Page) -> None:
    """A login code that was taken too long before the tap is refused, on each platform whose codes age."""
    runs_of = {}
    for platform, scene in (
        ("wechat", "sealed-ok"),
        ("baidu", "ok"),
        ("kuaishou", "ok"),
        ("douyin", "ok"),
        ("xiaohongshu", "ok"),
    ):
        run = page.begin(platform, scene)
        runs_of[platform] = run, scene, page.post(f"runs/{run}/login", {})["code"]
    page.post("clock", {"advance": 601})
    try:
        for platform, (run, scene, code) in runs_of.items():
            shown = page.finish(run, scene_of(platform, scene).app, code)
            wanted = "platform.refused" if platform == "kuaishou" else "platform.login-code-rejected"
            assert stop(shown, "came")["code"] == wanted, platform
            assert re.search(r"login_age=6\d\d\b", shown["code"]["python"])
    finally:
        page.post("clock", {"reset": True})


def test_a_session_key_goes_stale(page: Page) -> None:
    """A session that outlives the platform's session_key does not open what is sealed with the next one.

    The service's own clock moves too: later still, it has forgotten the session.
    """
    opened = []
    for _ in range(3):
        run = page.begin("wechat", "sealed-ok")
        code = page.post(f"runs/{run}/login", {})["code"]
        answer = page.send(run, "wechat-sealed", {"login_code": code}, "/v1/apps/wechat-sealed/login")
        opened.append((run, json.loads(answer["body"])["session"]))
    found = []
    try:
        for (run, session), seconds in zip(opened, (3590, 100, 7200), strict=True):
            page.post("clock", {"advance": seconds})
            event = page.post(f"runs/{run}/tap", {"allow": True})["event"]
            sealed = {name: event[name] for name in ("encryptedData", "iv")}
            page.send(run, "wechat-sealed", {"session": session, "authorization": sealed})
            found.append(stop(page.timeline(run), "came")["code"])
    finally:
        page.post("clock", {"reset": True})
    assert found == ["", "trust.cannot-open", "trust.session-unknown"]


@pytest.mark.parametrize("asked", [{"advance": -1}, {"advance": 1e12}, {"advance": "1"}, {"later": 1}])
def test_the_clock_takes_no_nonsense(page: Page, asked: dict[str, object]) -> None:
    """Time does not run backwards, nor for ever."""
    page.post("clock", asked, 400)


# --- the code to copy


def test_curl_works(page: Page) -> None:
    """The command plays the scene again, by itself, and gets the same."""
    good = page.play("wechat", scene_of("wechat", "ok"))["code"]["curl"]
    said = subprocess.run(["bash", "-c", good], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(said.stdout)["platform"] == "wechat"
    bad = page.play("wechat", scene_of("wechat", "component-old-push"))["code"]["curl"]
    said = subprocess.run(["bash", "-c", bad], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(said.stdout)["code"] == "platform.token-rejected"


def test_code_of_scenes_with_pushes(page: Page, tmp_path: Path) -> None:
    """Where the platform posts to the service first, Python and the test use the service that runs."""
    for scene in ("component-ok", "component-old-push"):
        code = page.play("wechat", scene_of("wechat", scene))["code"]
        (tmp_path / f"test_{scene.replace('-', '_')}.py").write_text(code["pytest"], "utf-8")
        ran = subprocess.run(
            [sys.executable, "-c", code["python"]], capture_output=True, text=True, check=True, timeout=60
        )
        assert ("phone_number" if scene == "component-ok" else "platform.token-rejected") in ran.stdout
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    passed = subprocess.run(tests, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (passed.returncode, "2 passed" in passed.stdout) == (0, True), passed.stdout


def test_python_and_pytest_work(page: Page, tmp_path: Path) -> None:
    """Both are whole programs, and say what the page says.

    Time that has passed on the page passes in them as well, without a clock that is moved.
    """
    run = page.begin("wechat", "ok")
    code = page.post(f"runs/{run}/login", {})["code"]
    event = page.post(f"runs/{run}/tap", {"allow": True})["event"]
    page.post("clock", {"advance": 400})
    try:
        page.send(run, "wechat", posted(event, code))
    finally:
        page.post("clock", {"reset": True})
    played = {
        "138****": page.play("alipay", scene_of("alipay", "ok")),
        "platform.app-mismatch": page.play("wechat", scene_of("wechat", "other-apps-code")),
        "envelope.user-declined": page.play("douyin", scene_of("douyin", "ok"), allow=False),
        "platform.login-code-rejected": page.timeline(run),
    }
    assert re.search(r"tap_age=4\d\d\b", played["platform.login-code-rejected"]["code"]["pytest"])
    for number, shown in enumerate(played.values()):
        (tmp_path / f"test_{number}.py").write_text(shown["code"]["pytest"], "utf-8")

    def run_python(shown: dict[str, Any]) -> str:
        command = [sys.executable, "-c", shown["code"]["python"]]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout

    for said in ("138****", "platform.login-code-rejected"):
        assert said in run_python(played[said])
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    ran = subprocess.run(tests, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, "4 passed" in ran.stdout) == (0, True), ran.stdout


# --- who may ask for what


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        ({"Content_Type": "application/json", "Origin": "http://elsewhere.example"}, 403),
        ({"Content_Type": "application/json", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Content_Type": "application/json", "Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "application/json", "Host": "rebound.example"}, 421),
        ({"Content_Type": "application/json; charset=utf-8", "Sec_Fetch_Site": "same-origin"}, 200),
    ],
)
def test_only_the_page_may_post(page: Page, headers: dict[str, str], status: int) -> None:
    """Another page cannot begin a run, and needs no answer that it cannot read."""
    body = json.dumps({"platform": "wechat", "scene": "ok"}).encode()
    assert page.ask("POST", "/phone/api/runs", body, **headers)[0] == status


def test_another_page_cannot_read(page: Page) -> None:
    """Nothing of the API allows another origin."""
    status, _, headers = page.ask("GET", "/phone/api/catalogue", Sec_Fetch_Site="cross-site")
    assert status == 403
    _, _, headers = page.ask("GET", "/phone/api/catalogue")
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/healthz", "/metrics", "/docs", "/", "", "/v1", "/v1/", "/v1//apps", "/v1/../metrics", "/v1/./x", "/v1/%2e%2e/x",
        "/v1/apps/a?x=1", "/v1/apps/a#x", "//elsewhere.example/v1/x", "http://elsewhere.example/v1/x", "/v1/a b",
        "/v1/a\\b", "/V1/apps/a", "/v1/" + "a" * 300, "/v1/a\r\nX: y", "/v1/apps/wechat/phone-number/",
    ],
)  # fmt: skip
def test_only_paths_below_v1_are_forwarded(page: Page, path: str) -> None:
    """What is not below ``/v1/`` in its one spelling is not sent anywhere."""
    run = page.begin("wechat", "ok")
    page.post(f"runs/{run}/login", {})
    sent = {"path": path, "body": "{}"}
    status, found, _ = page.ask(
        "POST", f"/phone/api/runs/{run}/send", json.dumps(sent).encode(), Content_Type="application/json"
    )
    assert status in (400, 403), found
    assert page.timeline(run)["stops"][1]["wire"] is None


def test_bad_input(page: Page) -> None:
    """What is no request of the page is refused, and says what was needed."""
    run = page.begin("wechat", "ok")
    for path, content, status in (
        ("runs", {"platform": "nowhere", "scene": "ok"}, 404),
        ("runs", {"platform": "wechat", "scene": "nothing"}, 404),
        ("runs", {"platform": "wechat", "scene": "ok", "app": "wechat-sealed"}, 400),
        ("runs", {"platform": "wechat", "scene": "ok", "user": "nobody"}, 400),
        ("runs", {"platform": "wechat", "scene": "ok", "more": 1}, 400),
        ("runs", [], 400),
        (f"runs/{run}/tap", {"allow": "yes"}, 400),
        (f"runs/{run}/send", {"path": "/v1/apps/wechat/phone-number", "method": "DELETE"}, 400),
        (f"runs/{run}/send", {"path": "/v1/apps/wechat/phone-number", "headers": {"a": "b\r\nc"}}, 400),
        (f"runs/{run}/send", {"path": "/v1/apps/wechat/phone-number", "body": "x" * 70_000}, 400),
        (f"runs/{run}/send", {"path": "/v1/apps/wechat/phone-number"}, 409),
        ("runs/another-run/tap", {"allow": True}, 404),
        (f"runs/{run}/nothing", {}, 404),
        ("nothing", {}, 404),
    ):
        assert page.post(path, content, status)["error"], path
    assert page.ask("POST", "/phone/api/runs", b"x" * 200_000, Content_Type="application/json")[0] == 413
    assert page.ask("POST", "/phone/api/runs", b"{", Content_Type="application/json")[0] == 400
    assert page.ask("DELETE", f"/phone/api/runs/{run}")[0] == 405
    assert page.ask("GET", "/phone/api/runs/another-run")[0] == 404


def test_two_pages_do_not_mix(simulator: Simulator) -> None:
    """Runs of two browsers at once, in step: each has its own user, codes and outcome."""
    one, other = Page(simulator.url), Page(simulator.url)
    for _ in range(5):
        first, second = one.begin("wechat", "ok", user="one"), other.begin("wechat", "used-code", user="two")
        codes = [page.post(f"runs/{run}/login", {})["code"] for page, run in ((one, first), (other, second))]
        assert codes[0] != codes[1]
        with ThreadPoolExecutor(2) as pool:
            good = pool.submit(one.finish, first, "wechat", codes[0])
            bad = pool.submit(other.finish, second, "wechat", codes[1])
        assert (good.result()["state"], bad.result()["state"]) == ("ok", "no")
        assert stop(good.result(), "came")["masked"] == "138****5544"
        assert good.result()["user"] == "one"


def test_runs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest runs go, and those that nobody has used for an hour; one that is used stays."""
    now = [0.0]
    monkeypatch.setattr(runs, "monotonic", lambda: now[0])
    kept = Runs()
    scene = scene_of("wechat", "ok")
    made = [kept.begin("wechat", scene, "new", ANYBODY, own=False).id for _ in range(200)]
    assert kept.find(made[0]) is not None
    kept.begin("wechat", scene, "new", ANYBODY, own=False)
    assert (kept.find(made[0]) is not None, kept.find(made[1])) == (True, None)
    now[0] = 3599.0
    assert kept.find(made[0]) is not None
    now[0] = 3601.0
    assert kept.find(made[2]) is None
    assert kept.find(made[0]) is not None


# --- the files


def test_the_page(page: Page) -> None:
    """A browser is led to the page; curl gets the help as before. The page allows nothing inline, and no other host."""
    assert page.ask("GET", "/", Accept="text/html,*/*")[0::2][0] == 302
    assert page.ask("GET", "/", Accept="*/*")[1].startswith("haoma simulate")
    for lang, said in (("zh", "zh-CN"), ("en", "en")):
        status, text, headers = page.ask("GET", f"/phone/?lang={lang}")
        assert status == 200
        assert f'<html lang="{said}"' in text
        assert "{{" not in text
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=|javascript:", text)
        assert set(re.findall(r"https?://[^\s\"'<>]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert page.ask("GET", "/phone/", Cookie="haoma-lang=zh; haoma-theme=dark")[1].count('lang="zh-CN"')
    assert 'data-theme="dark"' in page.ask("GET", "/phone/", Cookie="haoma-theme=dark")[1]
    assert 'data-theme=""' in page.ask("GET", "/phone/", Cookie='haoma-theme="><script>')[1]


@pytest.mark.parametrize(
    "name",
    ["../phone.py", "..%2fphone.py", "%2e%2e/phone.py", "nothing.js", "", "host", "host/../main.js", "__init__.py", "/etc/passwd"],
)  # fmt: skip
def test_only_files_of_the_page_are_served(page: Page, name: str) -> None:
    """A path is a name in a list, and never a place on the disk."""
    assert page.ask("GET", f"/phone/static/{name}")[0] == 404
