"""Log in with phone: views with threads and asynchronous ones, DRF, Ninja; users, conflicts, signals, and what is told."""

from __future__ import annotations

import support.django_shop  # noqa: F401 - sets Django up

# isort: split
import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import SESSION_KEY, aauthenticate, authenticate, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import include, path
from django.views.debug import ExceptionReporter
from django.views.decorators.csrf import csrf_exempt
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from haoma import accounts
from haoma.errors import NumberTaken
from haoma.integrations.django import conf, signals
from haoma.integrations.django.drf import PhoneLoginSerializer
from haoma.integrations.django.login import averified_phone, log_in, verified_phone
from haoma.integrations.django.testing import Phones, PhoneTap, simulated_phones
from support.django_shop import urls as shop_urls

pytest_plugins = ["support.django_fixtures"]
DOORS = ["", "/async", "/drf", "/ninja", "/aninja"]
JSON = "application/json"


class Shop:
    """A mini program that posts to one of the doors."""

    def __init__(self, door: str = "") -> None:
        self.door = door
        self.browser: Any = AsyncClient() if door in ("/async", "/aninja") else Client(enforce_csrf_checks=True)

    def post(self, tap: PhoneTap, **headers: str) -> Any:
        return self.send(tap.path, tap.body, **headers)

    def send(self, path: str, body: Any, **headers: str) -> Any:
        if isinstance(self.browser, Client):
            return self.browser.post(self.door + path, body, content_type=JSON, headers=headers)
        return asyncio.run(self.browser.post(self.door + path, body, content_type=JSON, headers=headers))


@pytest.fixture(params=DOORS, ids=lambda door: door.strip("/") or "view")
def shop(request: pytest.FixtureRequest, phones: Phones) -> Shop:
    return Shop(request.param)


def users() -> Any:
    return get_user_model().objects.all()


def of_session(shop: Shop) -> str:
    return str(shop.browser.session[SESSION_KEY])


def test_a_new_user_and_the_same_again(shop: Shop, phones: Phones) -> None:
    """The first tap makes a user, the next one finds it; the answer is masked, the session is Django's."""
    tap = phones.tap("wechat", user="anna", number="13800138000")
    answer = shop.post(tap)
    assert (answer.status_code, answer.json()) == (200, {"masked": "138****8000"})
    user = users().get()
    assert of_session(shop) == str(user.pk)
    assert user.haoma_account
    assert not user.has_usable_password()
    again = Shop(shop.door)
    assert again.post(phones.tap("wechat", user="anna", number="13800138000")).status_code == 200
    assert of_session(again) == str(user.pk)
    assert Shop(shop.door).post(phones.tap("wechat", user="boris")).status_code == 200
    assert users().count() == 2
    # haoma was told the user's id.
    person = conf.client().run(accounts.read(user.haoma_account, by="test"))
    assert person.user == str(user.pk)


def test_one_person_on_two_platforms_is_one_user(shop: Shop, phones: Phones) -> None:
    """Kuaishou ties the number to the login, and so did WeChat: the second login joins."""
    for platform in ("wechat", "kuaishou"):
        assert shop.post(phones.tap(platform, user="anna", number="13800138001")).status_code == 200
    assert users().count() == 1


def test_a_captured_envelope_takes_nothing_over(shop: Shop, phones: Phones) -> None:
    """Alipay's envelope names no user. Whoever sends one with a login of their own gets a conflict, and nobody's session."""
    assert shop.post(phones.tap("wechat", user="anna", number="13800138002")).status_code == 200
    thief = Shop(shop.door)
    answer = thief.post(phones.tap("alipay", user="thief", number="13800138002"))
    assert answer.status_code == 409
    assert answer["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "conflict"
    assert answer.json()["next"] == "stop"
    assert SESSION_KEY not in thief.browser.session
    assert users().count() == 1


def test_a_double_tap(shop: Shop, phones: Phones) -> None:
    """The same request twice is the same user, and the code was exchanged once."""
    tap = phones.tap("wechat")
    asked = phones.simulator.calls["wechat"].get("/wxa/business/getuserphonenumber", 0)
    for _ in range(2):
        assert shop.post(tap).status_code == 200
    assert users().count() == 1
    assert phones.simulator.calls["wechat"]["/wxa/business/getuserphonenumber"] == asked + 1


@pytest.mark.parametrize("shop", ["", "/async"], indirect=True)
@pytest.mark.parametrize(
    "platform, scene, following",
    [
        ("wechat", "expired-code", "ask-again"),
        ("wechat", "denied", "ask-again"),
        ("wechat", "busy", "retry-later"),
        ("alipay", "wrong-aes-key", "ask-again"),
    ],
)
def test_every_next_action_is_answered(shop: Shop, phones: Phones, platform: str, scene: str, following: str) -> None:
    """A refusal says what the mini program does next, in the user's language, and not what exactly failed."""
    answer = shop.post(phones.tap(platform, scene), accept_language="zh-CN")
    assert answer.status_code >= 400
    assert answer.json()["next"] == following
    assert answer["content-language"] == "zh"
    assert "remedy" not in answer.json()
    assert users().count() == 0


@pytest.mark.parametrize("shop", ["", "/async"], indirect=True)
@pytest.mark.parametrize(
    "body, status",
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"x" * 40_000, 413), (b'{"code": 7}', 400), (b"\xff", 400)],
    ids=["empty", "cut", "list", "large", "number", "binary"],
)
def test_nonsense(shop: Shop, phones: Phones, body: bytes, status: int) -> None:
    """Nothing that is sent is an error of the server."""
    answer = shop.send("/v1/apps/wechat/phone-number", body)
    assert (answer.status_code, answer.json()["code"]) == (status, "malformed")


def test_an_app_that_is_not_there(shop: Shop, phones: Phones) -> None:
    """An unknown app is 404, as a problem."""
    answer = shop.send("/v1/apps/nobody/phone-number", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-allowed")


def test_only_post(phones: Phones, browser: Client) -> None:
    """Another method is refused, and told which one is right."""
    answer = browser.get("/v1/apps/wechat/phone-number")
    assert (answer.status_code, answer["allow"]) == (405, "POST")


def test_a_form_is_a_body_too(phones: Phones, browser: Client) -> None:
    """What a mini program sends as a form is understood, also where a middleware has read it before."""
    for read_before in (False, True):
        tap = phones.tap("wechat")
        form = {"login_code": tap.body["login_code"], "authorization": json.dumps(tap.body["authorization"])}
        request = RequestFactory().post("/", urlencode(form), content_type="application/x-www-form-urlencoded")
        if read_before:
            assert request.POST
        assert log_in(request, "wechat").haoma_account
    tap = phones.tap("wechat")
    form = {"login_code": tap.body["login_code"], "authorization": json.dumps(tap.body["authorization"])}
    request = RequestFactory().post("/", form)  # multipart
    assert request.POST
    assert log_in(request, "wechat").haoma_account


def test_a_serializer_for_views_of_the_team(phones: Phones) -> None:
    """DRF's parsers give objects; what the platform sent is not taken apart, and a refusal is DRF's answer."""
    factory = APIRequestFactory()
    tap = phones.tap("wechat", user="anna", number="13800138000")

    class View(APIView):
        authentication_classes = ()

        def post(self, request: Any) -> Any:
            serializer = PhoneLoginSerializer(data=request.data, context={"request": request, "app": "wechat"})
            serializer.is_valid(raise_exception=True)
            user = serializer.save()
            assert tap.body["login_code"] not in repr(serializer)
            return Response({**serializer.data, "name": user.username})

    answer = View.as_view()(factory.post("/", tap.body, format="json"))
    assert answer.data["masked"] == "138****8000"
    refused = View.as_view()(factory.post("/", phones.tap("wechat", "expired-code").body, format="json"))
    assert (refused.status_code, refused.data["next"]) == (422, "ask-again")
    busy = View.as_view()(factory.post("/", phones.tap("wechat", "rate-limit").body, format="json"))
    assert busy.data["next"] == "retry-later"
    assert View.as_view()(factory.post("/", {"login_code": {"a": 1}}, format="json")).status_code == 400


def test_ninja_describes_it() -> None:
    """The OpenAPI document of Ninja has the addresses, what is posted, and what a refusal looks like."""
    found = json.loads(json.dumps(shop_urls.ninja.get_openapi_schema(path_prefix="")))
    tap = found["paths"]["/v1/apps/{app}/phone-number"]["post"]
    assert tap["requestBody"]["content"]["application/json"]["example"]["login_code"]
    refused = tap["responses"]["409"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert {"code", "next", "dispute"} <= found["components"]["schemas"][refused]["properties"].keys()
    assert "/v1/disputes/{dispute}/join" in found["paths"]


def test_code_msg_data(database: None, browser: Client) -> None:
    """An app that is set so answers 200 with code, msg and data."""
    with simulated_phones(wechat={"reply": "code-msg-data"}) as phones:
        answer = browser.post(*sent(phones.tap("wechat", number="13800138000")))
        assert answer.json() == {"code": 0, "msg": "ok", "data": {"masked": "138****8000"}}
        answer = browser.post(*sent(phones.tap("wechat", "expired-code")))
        assert answer.status_code == 200
        assert answer.json()["data"]["next"] == "ask-again"


def sent(tap: PhoneTap) -> tuple[str, Any, str]:
    return tap.path, tap.body, JSON


# --- users of the team's own


def test_a_user_who_was_imported(phones: Phones, browser: Client) -> None:
    """An account with the id of a user, as `haoma import` leaves it, is that user. Another's is never taken."""
    old = get_user_model().objects.create(username="old")
    tap = phones.tap("wechat", user="anna")
    phone = conf.client().get_phone_number(tap.app, tap.body, caller="test")
    conf.client().run(accounts.set_user(phone.account or "", str(old.pk), by="import"))
    assert browser.post(*sent(phones.tap("wechat", user="anna", number=phone.national_number))).status_code == 200
    old.refresh_from_db()
    assert (users().count(), old.haoma_account) == (1, phone.account)
    other = conf.client().get_phone_number("wechat", phones.tap("wechat", user="boris").body, caller="test")
    for wrong in (str(old.pk), "not a number"):  # somebody else's id, and none of Django's
        conf.client().run(accounts.set_user(other.account or "", wrong, by="import"))
        tap = phones.tap("wechat", user="boris", number=other.national_number)
        assert browser.post(*sent(tap)).status_code == 200
    old.refresh_from_db()
    assert old.haoma_account == phone.account
    assert users().count() == 2


def test_a_function_of_the_team(phones: Phones, browser: Client) -> None:
    """`ON_VERIFIED` gets the number and how it was linked; who it gives no user for is refused, and so is an inactive one."""
    seen: list[Any] = []

    def on_verified(phone: Any, link: Any) -> Any:
        seen.append((phone.e164, link))
        return get_user_model().objects.filter(phone=phone.e164).first()

    with override_settings(HAOMA={"CONFIG": conf.options().load(), "ON_VERIFIED": on_verified}):
        answer = browser.post(*sent(phones.tap("wechat", user="anna", number="13800138000")))
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
        user = get_user_model().objects.create(username="anna", phone="+8613800138000")
        tap = phones.tap("wechat", user="anna", number="13800138000")
        assert browser.post(*sent(tap)).status_code == 200
        user.is_active = False
        user.save()
        assert browser.post(*sent(tap)).status_code == 403
    assert seen == [("+8613800138000", "new"), ("+8613800138000", "linked"), ("+8613800138000", "linked")]


def test_a_token_in_place_of_a_session(phones: Phones, browser: Client) -> None:
    """`RESPOND` decides what a user gets: DRF's token, or a pair of JWTs that the library accepts."""
    from rest_framework.authtoken.models import Token
    from rest_framework_simplejwt.authentication import JWTAuthentication

    loaded = conf.options().load()
    with override_settings(HAOMA={"CONFIG": loaded, "RESPOND": "haoma.integrations.django.answers.drf_token"}):
        answer = browser.post(*sent(phones.tap("wechat", user="anna", number="13800138000"))).json()
        user = Token.objects.get(key=answer["token"]).user
    with override_settings(
        HAOMA={"CONFIG": loaded, "RESPOND": "haoma.integrations.django.answers.simple_jwt"},
        SECRET_KEY="support-django-shop-with-32-characters",
    ):
        answer = browser.post(*sent(phones.tap("wechat", user="anna", number="13800138000"))).json()
        checker = JWTAuthentication()
        assert checker.get_user(checker.get_validated_token(answer["access"].encode())) == user
    assert SESSION_KEY not in browser.session


def test_no_page_logs_its_visitors_in_as_somebody_else(shop: Shop, phones: Phones) -> None:
    """A form of another page, posted by a browser, is no tap: the visitor keeps the session that they have."""
    answer = shop.post(phones.tap("wechat"), sec_fetch_mode="navigate", sec_fetch_site="cross-site")
    assert answer.status_code == 403
    assert SESSION_KEY not in shop.browser.session


def test_tenants(database: None, browser: Client) -> None:
    """A person in two tenants is two accounts and two users; each is found again, also by the id that haoma was told."""
    with simulated_phones(kuaishou={"tenant": "north"}) as phones:
        for platform in ("wechat", "kuaishou", "wechat", "kuaishou"):
            assert browser.post(*sent(phones.tap(platform, user="anna", number="13800138000"))).status_code == 200
        assert users().count() == 2
        for user in users():
            tenant = "default" if user.haoma_account == users().order_by("pk")[0].haoma_account else "north"
            assert conf.client().run(accounts.read(user.haoma_account, by="test"), tenant=tenant).user == str(user.pk)


# --- conflicts


def test_a_conflict_is_resolved_by_proof_of_both(database: None) -> None:
    """With `review` the conflict has an id; a session of each side joins the login to the account, and it logs in."""
    with simulated_phones(alipay={"on_conflict": "review"}) as phones:
        shop = Shop()
        assert shop.post(phones.tap("wechat", user="anna", number="13800138003")).status_code == 200
        tap = phones.tap("alipay", user="anna", number="13800138003")
        alipay = shop.send("/v1/apps/alipay/login", {"login_code": tap.body.pop("login_code")}).json()["session"]
        answer = Shop().post(PhoneTap(tap.app, {**tap.body, "session": alipay}, ""))
        assert answer.status_code == 409
        dispute = answer.json()["dispute"]
        login = phones.tap("wechat", user="anna", number="13800138003").body["login_code"]
        wechat = shop.send("/v1/apps/wechat/login", {"login_code": login}).json()["session"]
        proofs = [{"app": "alipay", "session": alipay}]
        assert shop.send(f"/v1/disputes/{dispute}/join", {"proofs": proofs}).status_code == 403
        proofs.append({"app": "wechat", "session": wechat})
        joined = shop.send(f"/v1/disputes/{dispute}/join", {"proofs": proofs})
        assert joined.json() == {"account": users().get().haoma_account}
        # From now on she is herself on Alipay too.
        again = Shop()
        assert again.post(phones.tap("alipay", user="anna", number="13800138003")).status_code == 200
        assert of_session(again) == str(users().get().pk)


# --- at once


def test_two_workers_at_once(phones: Phones) -> None:
    """The same tap in many threads makes one user, and every answer is a success."""
    tap = phones.tap("wechat", user="anna")
    together = threading.Barrier(6)

    def post(_number: int) -> int:
        try:
            together.wait(10)
            return int(Client().post(*sent(tap)).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(post, range(6))) == [200] * 6
    assert users().count() == 1


def test_two_requests_that_both_make_the_user(phones: Phones) -> None:
    """Who comes second at making a user takes the first one's."""
    tap = phones.tap("wechat", user="anna")
    phone = conf.client().get_phone_number(tap.app, tap.body, caller="test")
    model = get_user_model()
    real = model.set_unusable_password

    def is_overtaken(self: Any) -> None:
        real(self)
        model(username="first", haoma_account=phone.account).save()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "set_unusable_password", is_overtaken)
        user = authenticate(None, verified_phone=phone)
    assert (user.username, users().count()) == ("first", 1)


# --- the paid code


def rolled_back(request: Any) -> Any:
    """A view of the team that fails after the number was paid for."""
    with transaction.atomic():
        log_in(request, "wechat")
        raise PermissionDenied


@csrf_exempt
def own(request: Any) -> Any:
    return HttpResponse(verified_phone(request, "wechat").masked)


@csrf_exempt
async def aown(request: Any) -> Any:
    return HttpResponse((await averified_phone(request, "wechat")).masked)


@csrf_exempt
def own_log_in(request: Any) -> Any:
    return HttpResponse(log_in(request, "wechat", sent=json.loads(request.body)).pk)


urlpatterns = [
    path("rolled-back", rolled_back),
    path("own", own),
    path("aown", aown),
    path("own-log-in", own_log_in),
    path("", include("haoma.integrations.django.urls")),
]


def test_a_view_that_is_rolled_back_loses_no_code(phones: Phones) -> None:
    """The user is gone with the transaction, the exchange is not: the same request gives the same number, unpaid."""
    tap = phones.tap("wechat", user="anna", number="13800138000")
    client = Client()
    with override_settings(ROOT_URLCONF=__name__):
        asked = phones.simulator.calls["wechat"].get("/wxa/business/getuserphonenumber", 0)
        assert client.post("/rolled-back", tap.body, JSON).status_code == 403
        assert users().count() == 0
        account = conf.client().run(accounts.look_up(phone_number="+8613800138000", by="test")).account
        assert account is not None
        # Nor was haoma told the id of a user who never was.
        assert conf.client().run(accounts.read(account, by="test")).user is None
        assert client.post(*sent(tap)).status_code == 200
        assert phones.simulator.calls["wechat"]["/wxa/business/getuserphonenumber"] == asked + 1
    assert users().get().haoma_account == account


# --- signals


@pytest.fixture
def heard() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What the signals said."""
    found: list[tuple[str, dict[str, Any]]] = []
    names = ("phone_verified", "phone_refused", "link_conflict", "authorization_revoked")
    hear: dict[str, Callable[..., None]] = {
        name: lambda sender, signal, _name=name, **facts: found.append((_name, facts)) for name in names
    }
    for name in names:
        getattr(signals, name).connect(hear[name])
    yield found
    for name in names:
        getattr(signals, name).disconnect(hear[name])


def test_signals(shop: Shop, phones: Phones, heard: list[tuple[str, dict[str, Any]]]) -> None:
    """A login, a refusal and a conflict are told; nothing of what is told shows a number."""
    shop.post(phones.tap("wechat", user="anna", number="13800138000"))
    shop.post(phones.tap("wechat", "expired-code"))
    shop.post(phones.tap("alipay", user="thief", number="13800138000"))
    told = [name for name, _facts in heard]
    assert told == ["phone_verified", "phone_refused", "phone_refused", "link_conflict"]
    assert heard[0][1]["user"] == users().get()
    assert heard[0][1]["phone"].masked == "138****8000"
    assert heard[1][1]["app"] == "wechat"
    assert isinstance(heard[3][1]["error"], NumberTaken)
    assert "13800138000" not in repr([{**facts, "request": None} for _name, facts in heard])


def test_signals_are_heard_by_coroutines(phones: Phones) -> None:
    """A receiver may be a coroutine, and one that fails changes no answer."""
    found: list[Any] = []

    async def receive(user: Any, **_facts: Any) -> None:
        found.append(user)
        raise ValueError("of the receiver")

    signals.phone_verified.connect(receive)
    try:
        for door in ("", "/async"):
            assert Shop(door).post(phones.tap("wechat")).status_code == 200
    finally:
        signals.phone_verified.disconnect(receive)
    assert len(found) == 2


@pytest.mark.parametrize("door", ["", "/async"])
def test_a_platform_that_says_a_user_withdrew(
    door: str, phones: Phones, heard: list[tuple[str, dict[str, Any]]]
) -> None:
    """The callback is authenticated by the platform; the account loses the login, and the signal says so."""
    shop = Shop(door)
    shop.post(phones.tap("wechat", user="anna"))
    login = conf.client().run(accounts.read(users().get().haoma_account, by="test")).logins[0]
    for push in phones.simulator.stage.withdraw("wechat", "wechat", {login.kind: login.value}):
        path = f"{door}/v1/apps/{push.app}/callback"
        forged = shop.browser.post(path, push.body[:-2] + b"}", content_type=JSON, query_params=push.query)
        answer = shop.browser.post(path, push.body, content_type="text/xml", query_params=push.query)
        if door:
            forged, answer = asyncio.run(_both(forged, answer))
        assert forged.status_code == 422
        assert answer.status_code == 200
    assert [name for name, _facts in heard if name == "authorization_revoked"]
    assert heard[-1][1]["acted"] is True


async def _both(one: Any, other: Any) -> Any:
    return await one, await other


# --- what is never told


class Reports(logging.Handler):
    """What Django would mail to the administrators."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info is not None
        reporter = ExceptionReporter(getattr(record, "request", None), *record.exc_info, is_email=True)
        self.texts.append(reporter.get_traceback_text() + reporter.get_traceback_html())


def reported(shop: Shop, tap: PhoneTap, path: str = "") -> str:
    """Post what makes the server fail; return the report and the page."""
    handler, logger = Reports(), logging.getLogger("django.request")
    logger.addHandler(handler)
    shop.browser.raise_request_exception = False
    try:
        answer = shop.send(path or tap.path, tap.body)
    finally:
        logger.removeHandler(handler)
    assert answer.status_code == 500
    assert handler.texts
    return "".join([*handler.texts, answer.content.decode()])


@pytest.mark.parametrize("door", ["", "/async"])
@pytest.mark.parametrize("debug", [True, False])
def test_an_error_report_has_no_code_and_no_number(door: str, debug: bool, phones: Phones) -> None:
    """Django's report of an error in the team's own function shows neither what was posted nor a number."""
    tap = phones.tap("wechat", user="anna")

    def fails(phone: Any, link: Any) -> Any:
        raise RuntimeError("of the team")

    with override_settings(HAOMA={"CONFIG": conf.options().load(), "ON_VERIFIED": fails}, DEBUG=debug):
        told = reported(Shop(door), tap)
    assert "of the team" in told
    for secret in (tap.phone_number[3:], tap.body["login_code"], tap.body["authorization"]["code"]):
        assert secret not in told


@pytest.mark.parametrize("path", ["/own", "/aown", "/own-log-in"])
@pytest.mark.parametrize("debug", [True, False])
def test_a_refusal_that_nobody_answers(path: str, debug: bool, phones: Phones) -> None:
    """A team's view that lets a refusal pass, without the middleware, is reported without what was posted."""
    tap = phones.tap("wechat", "expired-code")
    shop = Shop()
    with override_settings(ROOT_URLCONF=__name__, DEBUG=debug):
        told = reported(shop, tap, path)
    assert "platform.code-rejected" in told
    for secret in (tap.body["login_code"], tap.body["authorization"]["code"]):
        assert secret not in told


def test_nobody_is_logged_in_by_a_number_alone(database: None) -> None:
    """The backend takes nothing but a verified number; for passwords and tokens it answers nothing."""
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert authenticate(request, username="anna", password="x") is None
    assert authenticate(request, phone="+8613800138000") is None


@pytest.mark.haoma("wechat", accounts=True)
def test_the_fixture_of_others(database: None, browser: Client, haoma_django: Any) -> None:
    """Tests of a project that use pytest have the platforms in its setting `HAOMA`."""
    tap = haoma_django.person("anna", number="13900139000").tap()
    answer = browser.post(f"/v1/apps/{tap.app}/phone-number", tap.body, JSON)
    assert answer.json() == {"masked": "139****9000"}


def test_django_s_own_asynchronous_call(phones: Phones) -> None:
    """`aauthenticate` finds the same user as `authenticate`."""
    tap = phones.tap("wechat", user="anna")
    phone = conf.client().get_phone_number(tap.app, tap.body, caller="test")
    user = authenticate(None, verified_phone=phone)
    assert user is not None
    assert asyncio.run(aauthenticate(None, verified_phone=phone)) == user
