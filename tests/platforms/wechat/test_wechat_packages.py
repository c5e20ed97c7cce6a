"""What is sold for a mini program: asked for by name, warned of by WeChat, and assigned by a service provider."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from haoma.authorize import take_push
from haoma.errors import HaomaError, WrongArgument
from haoma.platforms.base.contract import Quota
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.packages import Assigned, Package, assign, assignable, cancel
from haoma.settings.from_python import configure
from support.wechat import NOW, STABLE, TOKEN, Bench, configured

QUICK, REALTIME = "getPhoneNumber", "getRealtimePhoneNumber"
USAGE = "/wxa/charge/usage/get"
BOUGHT = "/wxa/charge/service-provider/usage/get"
ASSIGN = "/wxa/charge/service-provider/package/assign"
PROVIDER = {"provider_app_id": "wx" + "9" * 16, "provider_app_secret": "f" * 32}


class World:
    """The simulated WeChat with one app."""

    def __init__(self, name: str, **changed: Any) -> None:
        self.mirror = WeChatMirror(random.Random(1).randbytes)
        self.bench = Bench(self.mirror)
        settings = self.mirror.settings("https://api.weixin.qq.com")[name]
        settings.pop("platform")
        self.app: Any = configure("wechat", name=name, **{**settings, **changed})
        self.run = self.bench.run

    def push(self) -> None:
        """Give the third-party platform its ticket."""
        pushed = self.mirror.merchants.push(NOW)
        self.run(take_push(self.app, *pushed, now=NOW))

    def quotas(self) -> dict[str, Quota]:
        """Ask for all that is sold."""
        asked = WECHAT.quotas
        assert asked is not None
        return {name: self.run(question()) for name, question in asked(self.app).items()}

    def refused(self, flow: Any) -> HaomaError:
        with pytest.raises(HaomaError) as caught:
            self.run(flow)
        return caught.value


# --- what is left


def test_what_is_left_is_all_less_what_was_used() -> None:
    """The deprecated ``effectiveAll`` is not read, even if it contradicts."""
    said = {"errcode": 0, "all": "2000", "effectiveAll": "9999", "effectiveUse": "1500"}
    asked = WECHAT.quotas
    assert asked is not None
    questions = asked(configured())
    found = Bench({STABLE: TOKEN, USAGE: said}).run(questions[QUICK]())
    assert (list(questions), found, found.left) == ([QUICK, REALTIME], Quota(2000, 1500, low=True), 500)


def test_a_merchant_is_asked_about_with_its_own_token() -> None:
    """A third-party platform asks as it asks for numbers; the permission set is the same."""
    world = World("wechat-merchant")
    world.push()
    assert world.quotas() == {QUICK: Quota(5000, 0, low=False), REALTIME: Quota(5000, 0, low=False)}


def test_a_token_of_the_other_kind_is_left_alone() -> None:
    """To ask with a plain token would invalidate everybody else's."""
    world = World("wechat-war")
    world.quotas()
    assert (world.bench.wire.calls["/cgi-bin/token"], world.bench.wire.calls[STABLE]) == (0, 1)


@pytest.mark.parametrize("token", ["cloud", "cloud-file"])
def test_in_the_cloud_nobody_can_be_asked(token: str) -> None:
    """The interface takes no cloud call."""
    asked = WECHAT.quotas
    assert asked is not None
    assert asked(replace(configured(), issuer=token)) == {}


@pytest.mark.parametrize("name", ["wechat-free", "wechat-abroad"])
def test_who_pays_nothing_has_no_quota_that_runs_low(name: str) -> None:
    """Hospitals, schools, and overseas subjects while it is free: numbers come, and no alarm."""
    world = World(name, quota_warning="1000")
    scene = {"wechat-free": "pays-nothing", "wechat-abroad": "overseas-subject"}[name]
    tap = world.mirror.tap(scene, allow=True, now=NOW)
    assert world.bench.find(world.app, tap.body).e164 == tap.phone_number
    assert world.quotas() == {QUICK: Quota(0, 0, low=False), REALTIME: Quota(0, 0, low=False)}


def test_an_overseas_subject_that_is_not_open() -> None:
    """It has no permission, which no user can mend."""
    world = World("wechat-abroad")
    tap = world.mirror.tap("overseas-subject-not-opened", allow=True, now=NOW)
    error = world.bench.refused(world.app, tap.body)
    assert (error.code, error.who) == ("platform.permission-missing", "developer")


# --- mini games


@pytest.mark.parametrize("scene", ["game", "game-realtime"])
def test_a_mini_game_gives_the_code_alone(scene: str) -> None:
    """The server exchanges it as any other."""
    world = World("wechat")
    tap = world.mirror.tap(scene, allow=True, now=NOW)
    assert set(tap.event) == {"errMsg", "code"}
    assert world.bench.find(world.app, json.dumps(tap.event)).e164 == tap.phone_number
    assert world.bench.wire.calls["/wxa/business/getuserphonenumber"] == 1


# --- WeChat's warning


def notice(**changed: str) -> dict[str, str]:
    """The event as a developer has published it, for our app."""
    return {
        "ToUserName": "gh_0", "FromUserName": "o0", "CreateTime": str(int(NOW)), "MsgType": "event",
        "Event": "charge_service_quota_notify", "event_type": "3", "spu_id": "10000077",
        "spu_name": "手机号快速验证组件", "total_quota": "10", "total_used_quota": "8", **changed,
    }  # fmt: skip


def _xml(fields: dict[str, str]) -> str:
    return "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items())


def hear(world: World, fields: dict[str, str]) -> Any:
    """Push an event to the app's own address, or to its third-party platform."""
    pusher = world.mirror.own if world.app.component is None else world.mirror.merchants
    return world.run(take_push(world.app, *pusher.seal(NOW, _xml(fields)), now=NOW))


@pytest.mark.parametrize("name", ["wechat", "wechat-merchant"])
@pytest.mark.parametrize(("spu", "quota"), [("10000077", QUICK), ("10000086", REALTIME)])
def test_wechat_warns_of_the_quota(name: str, spu: str, quota: str) -> None:
    """Of either component, at a mini program's own address and at its third-party platform's."""
    world = World(name)
    heard = hear(world, notice(appid=world.app.app_id, spu_id=spu))
    assert (heard.said, heard.about, dict(heard.quotas)) == ("success", "quota", {quota: Quota(10, 8, low=True)})


@pytest.mark.parametrize("changed", [{"spu_id": "10000058"}, {"total_quota": "many"}, {"total_used_quota": ""}])
def test_what_is_no_warning_about_a_phone_number(changed: dict[str, str]) -> None:
    """It is answered, and nothing else."""
    world = World("wechat")
    heard = hear(world, notice(appid=world.app.app_id, **changed))
    assert (heard.said, heard.about, dict(heard.quotas)) == ("success", "other", {})


@pytest.mark.parametrize(
    ("name", "changed", "reason"),
    [
        ("wechat", {"appid": "wx" + "0" * 16}, "appid"),
        ("wechat-merchant", {"appid": "wx" + "0" * 16}, "appid"),
        ("wechat-merchant", {}, "appid"),
        ("wechat", {"CreateTime": str(int(NOW) - 3601)}, "CreateTime"),
        ("wechat", {"CreateTime": "now"}, "CreateTime"),
    ],
)
def test_a_warning_for_somebody_else_or_of_long_ago(name: str, changed: dict[str, str], reason: str) -> None:
    """It is refused like any push that is not for us. All merchants share one key, so a merchant's must be named."""
    with pytest.raises(HaomaError) as caught:
        hear(World(name), notice(**changed))
    assert (caught.value.code, caught.value.diagnosis) == ("trust.cannot-open", reason)


def test_at_its_own_address_the_app_need_not_be_named() -> None:
    """The message is sealed for it."""
    assert hear(World("wechat"), notice()).about == "quota"


# --- packages of a service provider


def test_a_provider_assigns_a_package() -> None:
    """From the order to the mini program's quota, and back; the answers to the same request say how far it is."""
    world = World("wechat-package")
    world.push()
    order = world.mirror.provider.order_id
    assert world.quotas() == {
        QUICK: Quota(5000, 0, low=False), REALTIME: Quota(0, 0, low=False),
        f"provider-{QUICK}": Quota(20000, 5000, low=False), f"provider-{REALTIME}": Quota(0, 0, low=False),
    }  # fmt: skip
    (package,) = world.run(assignable(world.app, order))
    assert package == Package("20000252", "5000", 5000)
    asked = {"order_id": order, "sku_id": package.sku_id, "request_id": "2026-12-01-0001"}
    assert [world.run(assign(world.app, **asked)) for _ in range(3)] == [
        Assigned.ACCEPTED, Assigned.ACCEPTED, Assigned.DONE,
    ]  # fmt: skip
    assert world.quotas()[QUICK].total == 10000
    assert world.quotas()[f"provider-{QUICK}"].used == 10000
    world.run(cancel(world.app, order_id=order, request_id="2026-12-01-0001"))
    assert world.quotas()[QUICK].total == 5000
    asks = [request for request in world.bench.wire.requests if "/service-provider/" in request.url]
    assert len({dict(request.query)["access_token"] for request in asks}) == 1  # one token, fetched once
    assert world.bench.wire.calls[STABLE] == 1


def test_without_a_package_the_button_fails() -> None:
    """As it does at WeChat: no code is issued."""
    world = World("wechat-package")
    world.mirror.provider.answer("package/cancel_assign", {}, _first(world), ())
    tap = world.mirror.tap("component-package", allow=True, now=NOW)
    assert (tap.event["errno"], tap.failed) == (1400001, True)
    assert world.bench.refused(world.app, tap.body).code == tap.expect == "platform.quota-exhausted"


def _first(world: World) -> dict[str, str]:
    return {"orderId": world.mirror.provider.order_id, "requestId": f"first-of-{world.app.app_id}"}


@pytest.mark.parametrize(
    ("errcode", "code"),
    [
        (10045, "platform.permission-missing"),
        (10121001, "platform.request-rejected"),
        (10121031, "platform.quota-exhausted"),
        (10121012, "platform.refused"),
    ],
)
def test_an_assignment_that_wechat_refuses(errcode: int, code: str) -> None:
    """With WeChat's own code, and no secret in what it said."""
    said = {"errcode": errcode, "errmsg": f"no {TOKEN['access_token']} {'f' * 32}"}
    app = configured(**PROVIDER)
    bench = Bench({STABLE: TOKEN, ASSIGN: said})
    with pytest.raises(HaomaError) as caught:
        bench.run(assign(app, order_id="DD1", sku_id="2", request_id="2026-12-01-0001"))
    assert (caught.value.code, caught.value.platform_code) == (code, str(errcode))
    assert str(TOKEN["access_token"]) not in _shown(caught.value)


def _shown(error: HaomaError) -> str:
    return f"{error} {error!r} {vars(error) if hasattr(error, '__dict__') else ''} {error.platform_message}"


def test_a_provider_without_rights() -> None:
    """Its token is refused with its own name on it, and the AppSecret is not repeated."""
    said = {"errcode": 40125, "errmsg": f"invalid appsecret {'f' * 32}"}
    bench = Bench({STABLE: said})
    with pytest.raises(HaomaError) as caught:
        bench.run(assignable(configured(**PROVIDER), "DD1"))
    assert caught.value.code == "platform.credentials-rejected"
    assert "f" * 32 not in _shown(caught.value)


def test_the_realtime_packages_have_another_id() -> None:
    """So a developer found, and WeChat's support confirmed that the retail id answers with something else."""
    bench = Bench({STABLE: TOKEN, BOUGHT: {"errcode": 0, "all": "1", "effectiveUse": "0"}})
    asked = WECHAT.quotas
    assert asked is not None
    questions = asked(configured(**PROVIDER))
    for name in (QUICK, REALTIME):
        bench.run(questions[f"provider-{name}"]())
    found = [dict(request.query)["spuId"] for request in bench.wire.requests if BOUGHT in request.url]
    assert found == ["10000117", "10000120"]


@pytest.mark.parametrize("said", [{}, {"skuList": "none"}])
def test_a_list_that_is_none(said: dict[str, Any]) -> None:
    """It is not taken for an empty one."""
    path = "/wxa/charge/service-provider/package/get_convertible_skus"
    bench = Bench({STABLE: TOKEN, path: {"errcode": 0, **said}})
    with pytest.raises(HaomaError) as caught:
        bench.run(assignable(configured(**PROVIDER), "DD1"))
    assert caught.value.code == "outside.nonsense-reply"


def test_a_package_of_which_wechat_says_little() -> None:
    """What is not said is not made up; an entry without an id is none."""
    path = "/wxa/charge/service-provider/package/get_convertible_skus"
    said = [{"skuId": "1"}, {"skuId": "2", "skuName": "x", "attr": {"proportion": {"quota": 5}}}, {}, "x"]
    bench = Bench({STABLE: TOKEN, path: {"errcode": 0, "skuList": said}})
    found = bench.run(assignable(configured(**PROVIDER), "DD1"))
    assert found == (Package("1", "", None), Package("2", "x", None))


@pytest.mark.parametrize("request_id", ["short", "x" * 65, "2026-12-01 0001", 1234567890])
def test_a_request_id_of_another_form(request_id: Any) -> None:
    """It is refused before anything is sent."""
    bench = Bench({})
    with pytest.raises(WrongArgument):
        bench.run(assign(configured(**PROVIDER), order_id="DD1", sku_id="2", request_id=request_id))
    assert not bench.wire.calls


def test_who_has_no_provider() -> None:
    """Nothing is sent."""
    bench = Bench({})
    with pytest.raises(WrongArgument):
        bench.run(assignable(configured(), "DD1"))
    assert not bench.wire.calls


@pytest.mark.parametrize("one", PROVIDER)
def test_the_two_settings_go_together(one: str) -> None:
    """One alone is a fault that names the other."""
    table = Table("shop", {"app_id": "wx" + "1" * 16, "app_secret": "0" * 32, one: PROVIDER[one]}, now=NOW)
    assert WECHAT.configure(table) is None
    (other,) = set(PROVIDER) - {one}
    assert [(fault.code, fault.where) for fault in table.faults] == [("config.missing-setting", f"apps.shop.{other}")]
