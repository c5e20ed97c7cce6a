import pytest
from main import create_app
from starlette.testclient import TestClient


@pytest.fixture
def web(haoma_config, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE", str(tmp_path / "users.db"))
    with TestClient(create_app(haoma_config)) as client:
        yield client


def post(web, tap, what="phone-number"):
    body = tap.body if what == "phone-number" else {"login_code": tap.login_code}
    return web.post(f"/v1/apps/{tap.app}/{what}", json=body)


def me(web, answer):
    return web.get("/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"}).json()


@pytest.mark.haoma("wechat", "kuaishou", "alipay", accounts=True)
def test_one_user_on_three_platforms(web, haoma_simulator):
    anna = haoma_simulator.person("anna")
    first = me(web, post(web, anna.tap("wechat")))
    assert first["phone"] == f"+86{anna.number}"
    assert me(web, post(web, anna.tap("wechat"))) == first
    assert me(web, post(web, anna.tap("kuaishou"))) == first  # the same number, tied to both logins
    conflict = post(web, anna.tap("alipay"))  # nothing ties this number to this login
    assert conflict.status_code == 409
    proofs = [
        {"app": tap.app, "session": post(web, tap, "login").json()["session"]}
        for tap in (anna.tap("alipay"), anna.tap("wechat"))
    ]
    joined = web.post(f"/v1/disputes/{conflict.json()['dispute']}/join", json={"proofs": proofs})
    assert joined.status_code == 200
    assert me(web, post(web, anna.tap("alipay"))) == first


@pytest.mark.haoma("wechat", accounts=True)
@pytest.mark.parametrize(
    ("scene", "status", "action"),
    [("denied", 422, "ask-again"), ("expired-code", 422, "ask-again"), ("rate-limit", 429, "retry-later")],
)
def test_what_the_mini_program_is_told(web, haoma_simulator, scene, status, action):
    tap = haoma_simulator.tap("wechat", scene)
    answer = web.post(f"/v1/apps/{tap.app}/phone-number", json=tap.body or tap.event)
    assert (answer.status_code, answer.json()["next"]) == (status, action)
    assert web.get("/me").status_code == 401
