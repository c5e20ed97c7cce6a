"""The simulated WeChat, for the simulator and the tests: its API, and the phone in the user's hand.

It shares no code with what it tests. It keeps WeChat's habits: HTTP status 200 and ``text/plain`` for everything, a
``rid`` at the end of ``errmsg``, ``countryCode`` sometimes a string and sometimes a number, ``vaild``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.crypto.forging import forge_cbc
from haoma.platforms.base.mirroring import (
    ANYBODY,
    SESSION_KEY_LIFE,
    Answer,
    Button,
    Fate,
    Mirror,
    Push,
    Tap,
    Visit,
    drawn,
)
from haoma.platforms.wechat.mirror.packages import PACKAGES, QUICK, Provider
from haoma.platforms.wechat.mirror.pushes import Pusher
from haoma.platforms.wechat.mirror.refusals import REFUSALS
from haoma.platforms.wechat.mirror.scenes import (
    ASSIGNED,
    FREE,
    GAMES,
    MERCHANTS,
    NO_PERMISSION,
    OK,
    REFUSED,
    SCENES,
    SETTINGS,
    UNOPENED,
)
from haoma.platforms.wechat.mirror.security import Console
from haoma.platforms.wechat.mirror.third_party import ThirdParty

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Call, Person, RandomBytes
    from haoma.platforms.wechat.mirror.pushes import Pushed

_LIFE: Final = 300.0  # seconds, of phone codes and login codes
_TOKEN_LIFE: Final = 7200
_OVERLAP: Final = 300  # the last five minutes of a stable token, in which its successor is already issued
_GRANTS: Final = ("client_credential", "authorization_code")
_SIDECAR: Final = "/sidecar"  # under this path the mirror plays the container process that adds the token
_RESET_SPAN: Final = 60.0
_MOST_RESETS: Final = 3
_NO_QUOTA: Final = "platform.quota-exhausted"
_UNKNOWN_APP: Final = "wx0000000000000000"

_REFUSALS: Final = {refusal.name: refusal for refusal in REFUSALS}


@dataclass(frozen=True, slots=True)
class _MiniProgram:
    name: str
    app_id: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class _Code:
    """A code of ``wx.login`` or of the button. ``fault`` names the scene if something goes wrong with it."""

    kind: str
    app_id: str
    openid: str
    until: float
    session_key: str = ""
    unionid: str = ""
    country_code: str = "86"
    national_number: str = ""
    fault: str = ""
    used: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    family: str
    app_id: str
    until: float


class WeChatMirror(Mirror):
    """The simulated WeChat. It makes its own app ids, secrets, tokens, users and codes."""

    name = "wechat"
    scenes = SCENES
    demo: tuple[str, ...] = (
        "ok",
        "overseas",
        "stale-token",
        "expired-code",
        "login-code-sent-as-phone-code",
        "ip-not-allowed",
        "frozen-secret",
        "reset-after-consumed",
        "sealed-ok",
        "sealed-stale-session-key",
    )
    counted = "/wxa/business/getuserphonenumber"
    button = Button("wx.login", "getPhoneNumber")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._programs = {
            name: _MiniProgram(name, f"wx{random_bytes(8).hex()}", random_bytes(16).hex()) for name in SETTINGS
        }
        self._console = Console(random_bytes)
        self.platform = ThirdParty(random_bytes, self._programs["wechat-component"].app_id)
        self._platforms: dict[str, ThirdParty] = {}  # by name of the app
        self._own_settings = self._grant_all(random_bytes)
        self._forget_at = 0.0
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _Token] = {}
        self._current: dict[tuple[str, str], str] = {}  # (family, app id): the two families are independent
        self._session_keys: dict[tuple[str, str], str] = {}  # (app id, openid): the current one
        self._sealed: dict[str, tuple[str, float, str]] = {}  # hash of what WeChat sealed: app id, time, scene
        self._resets: dict[tuple[str, str], list[float]] = {}  # (app id, openid): when its session_key was reset
        self._answers = 0
        self._used: Counter[str] = Counter()  # numbers given, by app id: what a package pays for
        self._free = {self._programs[name].app_id for name in FREE}
        self._assigned = {self._programs[name].app_id for name in ASSIGNED}
        self.provider = Provider(random_bytes, [self._programs[name].app_id for name in ASSIGNED])
        self.own = Pusher(random_bytes, self._programs["wechat"].app_id, random_bytes(8).hex(), random_bytes(32))
        self._ways: dict[tuple[str, str], Callable[[Call, float], Answer]] = {
            ("POST", "/cgi-bin/stable_token"): self._stable_token,
            ("GET", "/cgi-bin/token"): self._plain_token,
            ("POST", "/wxa/business/getuserphonenumber"): self._phone_number,
            ("GET", "/sns/jscode2session"): self._session,
            ("GET", "/sns/component/jscode2session"): self._component_session,
            ("POST", "/wxa/business/checkencryptedmsg"): self._check,
            ("GET", "/wxa/checksession"): self._check_session,
            ("GET", "/wxa/resetusersessionkey"): self._reset_session_key,
            ("GET", "/wxa/charge/usage/get"): self._usage,
            ("GET", f"{PACKAGES}usage/get"): self._of_provider,
            ("GET", f"{PACKAGES}package/get_convertible_skus"): self._of_provider,
            ("POST", f"{PACKAGES}package/assign"): self._of_provider,
            ("POST", f"{PACKAGES}package/cancel_assign"): self._of_provider,
        }

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables for this mirror, served at ``base_url``."""
        return {
            name: {
                "platform": "wechat",
                "app_id": program.app_id,
                **({} if name in self._platforms else {"app_secret": program.secret}),
                "api_base_url": base_url,
                **SETTINGS[name],
                **self._own_settings.get(name, {}),
                **(self._console.settings() if name == "wechat-secured" else {}),
                **(self.own.push_settings() if name == "wechat" else {}),
                **(self.provider.settings() if name in ASSIGNED else {}),
                **({"cloud_base_url": base_url + _SIDECAR} if name == "wechat-cloud" else {}),
            }
            for name, program in self._programs.items()
        }

    def _grant_all(self, random_bytes: RandomBytes) -> dict[str, dict[str, Any]]:
        """Set up the third-party platforms, and return the settings of their apps."""
        ids = {name: program.app_id for name, program in self._programs.items()}
        self.merchants = merchants = ThirdParty(random_bytes, *(ids[name] for name in MERCHANTS))
        refused = {
            name: ThirdParty(random_bytes, ids[name], refusing=refusal.errcode)
            for name, refusal in REFUSED.items()
            if refusal.place == "component"
        }
        self._platforms = {"wechat-component": self.platform, **dict.fromkeys(MERCHANTS, merchants), **refused}
        with_token = {*self._platforms} - {"wechat-granting", "wechat-restarted", "wechat-no-grant", "wechat-left"}
        found = {
            name: platform.settings(ids[name] if name in with_token else "")
            for name, platform in self._platforms.items()
        }
        for name in ("wechat-granted-again", "wechat-dead-grant"):
            merchants.grant(ids[name])  # again, so that the configured grant is dead
        for name in ("wechat-dead-grant", "wechat-no-grant"):
            merchants.push_grant(ids[name], 0.0)  # the service never receives it
        merchants.take_back(ids["wechat-left"])
        return found

    # --- the device ---

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device: ``wx.login``.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        program = self._programs[played.app]
        self._forget(now)
        user = _Code("login", program.app_id, self._openid(program, person), now + _LIFE)
        user.unionid = self._unionid(person)
        user.session_key = base64.b64encode(self._random(16)).decode("ascii")
        user.fault = scene
        return Visit(played, person, self._issue(user), user)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the button."""
        played, scene, person, login_code = visit.scene, visit.scene.name, visit.person, visit.login_code
        user: _Code = visit.user
        program = self._programs[played.app]
        if not allow or scene == "denied":
            event: dict[str, Any] = {"errMsg": "getPhoneNumber:fail user deny"}
            body = {"login_code": login_code, "authorization": event}
            return Tap(scene, played.app, event, login_code, body, "envelope.user-declined", failed=True)
        if scene == "game-not-tapped":
            event = {"errMsg": "getPhoneNumber:fail can only be invoked by user TAP gesture."}
            return Tap(scene, played.app, event, login_code, {"authorization": event}, played.expect, failed=True)
        if (refusal := _REFUSALS.get(NO_PERMISSION if scene in UNOPENED else scene)) and refusal.place == "button":
            event = {"errMsg": f"getPhoneNumber:{refusal.errmsg}", "errno": refusal.errcode}
            return Tap(scene, played.app, event, login_code, {"authorization": event}, played.expect, failed=True)
        if program.app_id in self._assigned and not self.provider.assigned(program.app_id):
            event = {"errMsg": "getPhoneNumber:fail no quota", "errno": 1400001}
            return Tap(scene, played.app, event, login_code, {"authorization": event}, _NO_QUOTA, failed=True)
        phone = _Code("phone", program.app_id, user.openid, now + _LIFE, fault=scene)
        phone.national_number = person.mobile("1380013", self._random)
        if scene in ("overseas", "overseas-subject"):
            phone.country_code, phone.national_number = "852", "51234567"
        sealed = self._seal(scene, user, phone, now)
        if played.app in ("wechat-sealed", "wechat-checked") or scene == "sealed-data-off":
            event, authorization = {"errMsg": "getPhoneNumber:ok", **sealed}, sealed
        else:
            code = self._phone_code(scene, user, phone)
            words = f"{'getRealtimePhoneNumber' if scene == 'realtime' else 'getPhoneNumber'}:ok"
            # wx.getPhoneNumber of a mini game gives the code alone.
            event = {"errMsg": words, "code": code, **({} if scene in GAMES else sealed)}
            authorization = {"code": code}
        body = {"login_code": login_code, "authorization": authorization}
        if scene == "component-left":
            login_code, body = "", {"authorization": authorization}
        number = f"+{phone.country_code}{phone.national_number}" if played.expect == OK else ""
        pushes = tuple(self._pushes(scene, program, now))
        return Tap(scene, played.app, event, login_code, body, played.expect, number, pushes)

    def _openid(self, program: _MiniProgram, person: Person) -> str:
        of_app = person.user and f"{program.app_id} {person.user}"
        return "o" + base64.urlsafe_b64encode(drawn(of_app, self._random)(20)).decode("ascii")[:27]

    def _unionid(self, person: Person) -> str:
        """Return the id that all apps of a developer share; WeChat has none unless they are bound to one account."""
        if not person.developer_user:
            return ""
        return "o" + base64.urlsafe_b64encode(drawn(person.developer_user, self._random)(20)).decode("ascii")[:27]

    def _pushes(self, scene: str, program: _MiniProgram, now: float) -> Iterator[Push]:
        """Yield what WeChat has posted to the service before the tap."""
        platform = self._platforms.get(program.name)
        if platform is None or scene == "component-no-ticket":
            return
        if scene == "component-old-push":
            yield _pushed(program, platform.push(now - 600))
            return
        yield _pushed(program, platform.push(now))
        if scene == "component-older-ticket":
            yield _pushed(program, platform.push(now, created=now - 60, good=False))
        elif scene == "component-granted":
            yield _pushed(program, platform.push_grant(program.app_id, now))
        elif program.name == "wechat-left":
            yield _pushed(program, platform.push_leave(program.app_id, now))

    def _phone_code(self, scene: str, user: _Code, phone: _Code) -> str:
        match scene:
            case "expired-code":
                phone.until -= _LIFE + 1
            case "used-code":
                phone.used = True
            case "login-code-sent-as-phone-code":
                return self._issue(_Code("login", user.app_id, user.openid, user.until, user.session_key))
            case "other-apps-code":
                phone.app_id = _UNKNOWN_APP
            case "other-users-code":
                phone.openid = f"o{self._text(20)[:27]}"
        return self._issue(phone)

    def _issue(self, code: _Code) -> str:
        text = self._random(32).hex() if code.kind == "phone" else self._text(24)
        self._codes[text] = code
        return text

    def _seal(self, scene: str, user: _Code, phone: _Code, now: float) -> dict[str, str]:
        watermark = {
            "timestamp": int(now) - (3600 if scene == "sealed-old-watermark" else 0),
            "appid": _UNKNOWN_APP if scene == "sealed-foreign-watermark" else user.app_id,
        }
        plain = msgspec.json.encode({**_number(phone), "countryCode": phone.country_code, "watermark": watermark})
        is_stale = scene == "sealed-stale-session-key" or now > user.until - _LIFE + SESSION_KEY_LIFE
        key = self._random(16) if is_stale else base64.b64decode(user.session_key)  # noqa: TID251
        iv = self._random(16)
        text = forge_cbc(key, iv, plain)
        if scene == "sealed-bit-flips":
            flipped = bytearray(base64.b64decode(text))  # noqa: TID251
            flipped[len(flipped) // 2] ^= 1
            text = base64.b64encode(flipped).decode("ascii")
        if scene != "sealed-forged":
            self._sealed[hashlib.sha256(text.encode("ascii")).hexdigest()] = (user.app_id, now, scene)
        return {"encryptedData": text, "iv": base64.b64encode(iv).decode("ascii")}

    def _forget(self, now: float) -> None:
        if self._forget_at - 1.0 <= now < self._forget_at:
            return
        self._forget_at = now + 1.0
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        self._sealed = {text: sealed for text, sealed in self._sealed.items() if now < sealed[1] + _LIFE}
        self._tokens = {text: token for text, token in self._tokens.items() if now < token.until}

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).decode("ascii").rstrip("=")

    def withdraw(self, app: str, user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return the push about a user who withdraws the phone number, or closes the account."""
        program = self._programs[app]
        pusher = self.own if app == "wechat" else self._platforms.get(app)
        if pusher is None:
            return ()
        # A third-party platform has one address for all merchants, with the merchant's app id in it.
        place = program.name if pusher is self.own else program.app_id
        pushed = pusher.withdrawal(program.app_id, user, now, account=account)
        return (Push(app, f"/v1/apps/{place}/callback", *pushed),)

    def notice(self, app: str, *, total: int, used: int, now: float) -> Pushed:
        """Return query and body of the push that little is left of an app's quota."""
        program = self._programs[app]
        pusher = self.own if app == "wechat" else self._platforms[app]
        fields = {
            "ToUserName": "gh_0",
            "FromUserName": "o0",
            "CreateTime": str(int(now)),
            "MsgType": "event",
            "Event": "charge_service_quota_notify",
            "event_type": "3",
            "appid": program.app_id,
            "spu_id": QUICK,
            "total_quota": str(total),
            "total_used_quota": str(used),
        }
        return pusher.seal(now, "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items()))

    # --- the API ---

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if WeChat has no such path."""
        if call.path.startswith(_SIDECAR):
            return self._beside(call, now)
        if call.path.startswith("/cgi-bin/component/"):
            return self._grant(call, now)
        if call.path not in {path for _method, path in self._ways}:
            return None
        way = self._ways.get((call.method, call.path))
        return way(call, now) if way else self._no(43002, f"require {'POST' if call.method == 'GET' else 'GET'} method")

    def _grant(self, call: Call, now: float) -> Answer:
        """Answer for the third-party platforms. Only this class knows the mini programs' tokens."""
        asked = _object(call.body) or {}
        name, platform = self._platform(asked.get("component_appid"))
        if platform is None:
            return self._no(61011 if asked.get("component_appid") else 41018, "component")
        said = platform.answer(call.path, asked, call.query, now)
        if isinstance(said, int):
            return self._no(said, "component")
        info = said.get("authorization_info", said)
        if "expires_in" in info and "component_access_token" not in info:
            merchant = info.get("authorizer_appid", asked.get("authorizer_appid"))
            program = next(each for each in self._programs.values() if each.app_id == merchant)
            info["authorizer_access_token"] = self._new_token("component", program, now)
        answer = _say(said)
        if call.path.endswith("api_start_push_ticket") and platform is self.merchants:
            return replace(answer, then=(_pushed(self._programs[name], platform.push(now)),))
        return answer

    def _platform(self, app_id: object) -> tuple[str, ThirdParty | None]:
        """Return a third-party platform and the name of its first app."""
        return next(((name, each) for name, each in self._platforms.items() if each.app_id == app_id), ("", None))

    def _component_session(self, call: Call, now: float) -> Answer:
        _name, platform = self._platform(call.query.get("component_appid"))
        merchant = call.query.get("appid", "")
        refused = platform.refusal(call.query, now, merchant) if platform else 61011
        if refused:
            return self._no(refused, "component")
        own = {each.app_id: {"secret": each.secret} for each in self._programs.values()}
        return self._session(replace(call, query={**call.query, **own.get(merchant, {})}), now)

    def _beside(self, call: Call, now: float) -> Answer:
        """Answer as the sidecar does: add a token, ask WeChat, add a header."""
        asked = _object(call.body) or {}
        code = self._codes.get(str(asked.get("code")))
        path = call.path.removeprefix(_SIDECAR)
        if path != "/wxa/business/getuserphonenumber" or (code and code.fault == "cloud-path-not-listed"):
            return Answer(502, {"content-type": "text/plain"}, b"Bad Gateway")
        program = self._programs["wechat-cloud"]
        if call.query.get("from_appid", program.app_id) != program.app_id:
            return self._no(48001, "api unauthorized")
        token = self._new_token("cloud", program, now)
        said = self._phone_number(replace(call, path=path, query={"cloudbase_access_token": token}), now)
        return replace(said, headers={**said.headers, "x-openapi-seqid": self._random(8).hex()})

    def _stable_token(self, call: Call, now: float) -> Answer:
        asked = _object(call.body)
        if asked is None:
            return self._no(47001, "data format error")
        program = self._who(asked)
        if isinstance(program, Answer):
            return program
        if (refusal := REFUSED.get(program.name)) is not None:
            return self._no(refusal.errcode, refusal.errmsg)
        token = self._current.get(("stable", program.app_id), "")
        kept = self._tokens.get(token)
        if kept is None or now > kept.until - _OVERLAP or asked.get("force_refresh") is True:
            token = self._new_token("stable", program, now)
        return _say({"access_token": token, "expires_in": int(self._tokens[token].until - now)})

    def _plain_token(self, call: Call, now: float) -> Answer:
        program = self._who(call.query)
        if isinstance(program, Answer):
            return program
        self._tokens.pop(self._current.get(("plain", program.app_id), ""), None)
        token = self._new_token("plain", program, now)
        if program.name == "wechat-war":  # the other process refreshes before this token can be used
            del self._tokens[token]
        return _say({"access_token": token, "expires_in": _TOKEN_LIFE})

    def cloud_token(self, name: str, now: float) -> str:
        """Return the contents of Cloud Run's token file."""
        return self._new_token("cloud", self._programs[name], now)

    def _new_token(self, family: str, program: _MiniProgram, now: float) -> str:
        token = f"57_{self._text(96)}"
        self._current[family, program.app_id] = token
        self._tokens[token] = _Token(family, program.app_id, now + _TOKEN_LIFE)
        return token

    def _who(self, asked: dict[str, Any]) -> _MiniProgram | Answer:
        """Return the owner of this id and secret, or the refusal."""
        accounts = (*self._programs.values(), _MiniProgram("provider", self.provider.app_id, self.provider.secret))
        program = next((each for each in accounts if each.app_id == asked.get("appid")), None)
        if program is None:
            return self._no(40013, "invalid appid")
        refusals = (
            (asked.get("grant_type") not in _GRANTS, 40002, "invalid grant_type"),
            (not asked.get("secret"), 41004, "appsecret missing"),
            (asked.get("secret") != program.secret, 40125, "invalid appsecret"),
            (program.name == "wechat-ip", 40164, "invalid ip 192.0.2.1 ipv6 ::ffff:192.0.2.1, not in whitelist,"),
            (program.name == "wechat-frozen", 40243, "AppSecret has been frozen"),
        )
        return next((self._no(errcode, words) for holds, errcode, words in refusals if holds), program)

    def _authorized(self, call: Call, now: float) -> str | Answer:
        """Return the app id of the token in the query, or the refusal."""
        text = call.query.get("access_token") or call.query.get("cloudbase_access_token")
        if not text:
            return self._no(41001, "access_token missing")
        token = self._tokens.get(text)
        if token is None or now >= token.until or (token.family == "cloud") != ("cloudbase_access_token" in call.query):
            return self._dead_token()
        return token.app_id

    def _dead_token(self) -> Answer:
        words = "invalid credential, access_token is invalid or not latest, could get access_token by"
        return self._no(40001, f"{words} getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r")

    def _phone_number(self, call: Call, now: float) -> Answer:
        app_id = self._authorized(call, now)
        if isinstance(app_id, Answer):
            return app_id
        if app_id == self._programs["wechat-secured"].app_id:
            return self._secured_phone_number(call, app_id, now)
        return self._exchange(call, app_id, now)

    def _secured_phone_number(self, call: Call, app_id: str, now: float) -> Answer:
        asked = self._console.read(call, app_id)
        code = self._codes.get(str(asked.get("code"))) if isinstance(asked, dict) else None
        if code and code.fault == "secured-key-changed":
            asked = 40234
        if code and (refusal := _REFUSALS.get(code.fault)) is not None:
            asked = refusal.errcode
        if isinstance(asked, int):
            return self._no(asked, "api security")
        said = self._exchange(replace(call, body=msgspec.json.encode(asked)), app_id, now)
        if said.fate is not Fate.REPLY or said.status != 200 or (code and code.fault == "secured-plain-reply"):
            return said
        forged = code is not None and code.fault == "secured-forged-reply"
        return self._console.say(call.path, app_id, said, now, forged=forged)

    def _exchange(self, call: Call, app_id: str, now: float) -> Answer:
        asked = _object(call.body)
        if asked is None or not isinstance(asked.get("code"), str):
            return self._no(47001, "data format error") if call.body else self._no(44002, "empty post data")
        code = self._codes.get(asked["code"])
        if code is None or code.kind != "phone" or code.used or now > code.until:
            return self._no(40029, f"invalid code hint: [{self._text(9)}]")
        refusal = _REFUSALS.get(code.fault)
        if refusal is not None and refusal.place not in ("token", "login", "component"):
            return self._no(refusal.errcode, refusal.errmsg)
        return self._unfit(code, app_id, asked.get("openid")) or self._trouble(code, app_id) or self._give(code, now)

    def _unfit(self, code: _Code, app_id: str, openid: object) -> Answer | None:
        if code.app_id != app_id:
            return self._no(40013, f"invalid appid hint: [{self._text(9)}]")
        if openid not in (None, code.openid):
            return self._no(40003, "invalid openid")  # a guess: WeChat does not document its answer
        return None

    def _trouble(self, code: _Code, app_id: str) -> Answer | None:
        match code.fault:
            case "stale-token":
                code.fault = ""
                self._tokens.pop(self._current.get(("stable", app_id), ""), None)
                return self._dead_token()
            case "busy":
                return self._no(-1, "system error")
            case "rate-limit":
                return self._no(45011, "api minute-quota reach limit, must slower, retry next minute")
            case "slow" | "reset-after-consumed":
                code.used = True
                return Answer(fate=Fate.HANG if code.fault == "slow" else Fate.RESET)
            case "garbage-reply":
                page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
                return Answer(502, {"content-type": "text/html"}, page)
        return None

    def _give(self, code: _Code, now: float) -> Answer:
        code.used = True
        self._answers += 1
        self._used[code.app_id] += 1
        country_code: str | int = code.country_code if self._answers % 2 else int(code.country_code)
        watermark = {"timestamp": int(now), "appid": code.app_id}
        phone = {**_number(code), "countryCode": country_code, "watermark": watermark}
        return _say({"errcode": 0, "errmsg": "ok", "phone_info": phone})

    def _session(self, call: Call, now: float) -> Answer:
        program = self._who(call.query)
        if isinstance(program, Answer):
            return program
        code = self._codes.get(call.query.get("js_code", ""))
        if code is None or code.kind != "login" or code.app_id != program.app_id or now > code.until:
            return self._no(40029, "invalid code,")
        refusal = _REFUSALS.get(code.fault)
        if refusal is not None and refusal.place == "login":
            return self._no(refusal.errcode, refusal.errmsg)
        if code.used:
            return self._no(40163, "code been used,")
        code.used = True
        self._session_keys[program.app_id, code.openid] = code.session_key
        union = {"unionid": code.unionid} if code.unionid else {}
        return _say({"session_key": code.session_key, "openid": code.openid, **union})

    def _check(self, call: Call, now: float) -> Answer:
        app_id = self._authorized(call, now)
        if isinstance(app_id, Answer):
            return app_id
        asked = _object(call.body)
        digest = asked.get("encrypted_msg_hash") if asked else None
        if not isinstance(digest, str):
            return self._no(47001, "data format error")
        owner, created, scene = self._sealed.get(digest, ("", 0.0, ""))
        if (refusal := _REFUSALS.get(scene)) is not None:
            return self._no(refusal.errcode, refusal.errmsg)
        if owner != app_id:
            return self._no(1, "encrypted message not found")
        return _say({"errcode": 0, "errmsg": "ok", "vaild": True, "create_time": int(created)})

    def _signed(self, call: Call, now: float) -> tuple[str, str] | Answer:
        """Return app id and openid of a request that is signed with the user's current session_key."""
        app_id = self._authorized(call, now)
        if isinstance(app_id, Answer):
            return app_id
        key = self._session_keys.get((app_id, call.query.get("openid", "")), "")
        signature = hmac.new(key.encode("ascii"), b"", "sha256").hexdigest()
        if not key or (call.query.get("sig_method"), call.query.get("signature")) != ("hmac_sha256", signature):
            return self._no(87009, "invalid signature")
        return app_id, call.query["openid"]

    def _check_session(self, call: Call, now: float) -> Answer:
        signed = self._signed(call, now)
        return signed if isinstance(signed, Answer) else _say({"errcode": 0, "errmsg": "ok"})

    def _reset_session_key(self, call: Call, now: float) -> Answer:
        signed = self._signed(call, now)
        if isinstance(signed, Answer):
            return signed
        resets = self._resets[signed] = [at for at in self._resets.get(signed, []) if now - at < _RESET_SPAN]
        if len(resets) >= _MOST_RESETS:  # WeChat documents that there is a limit, but not the limit
            return self._no(87008, "too many resets of the session_key")
        resets.append(now)
        self._session_keys[signed] = base64.b64encode(self._random(16)).decode("ascii")
        return _say({"errcode": 0, "errmsg": "ok", "openid": signed[1], "session_key": self._session_keys[signed]})

    def _usage(self, call: Call, now: float) -> Answer:
        app_id = self._authorized(call, now)
        if isinstance(app_id, Answer):
            return app_id
        used = "0" if app_id in self._free else str(self._used[app_id])
        packages = self._packages(app_id, used, call.query["spuId"])
        total = str(sum(int(each["all"]) for each in packages))
        counts = {"all": total, "effectiveAll": total, "effectiveUse": used, "total": len(packages)}
        return _say({"errcode": 0, **counts, "detailList": packages})

    def _packages(self, app_id: str, used: str, spu_id: str) -> list[dict[str, Any]]:
        assigned = self.provider.assigned(app_id) if spu_id == QUICK else []
        if app_id in self._free or app_id in self._assigned:
            return assigned
        return [{"pkgId": "ZY1", "all": "5000", "used": used, "status": 1, "spuId": spu_id}, *assigned]

    def _of_provider(self, call: Call, now: float) -> Answer:
        """Answer a service provider. Its token is no mini program's."""
        app_id = self._authorized(call, now)
        if isinstance(app_id, Answer):
            return app_id
        if app_id != self.provider.app_id:
            return self._no(48001, "api unauthorized")
        merchants = {self._programs[name].app_id for name in ("wechat", *MERCHANTS)}
        said = self.provider.answer(call.path.removeprefix(PACKAGES), call.query, _object(call.body) or {}, merchants)
        return self._no(said, "package") if isinstance(said, int) else _say({"errcode": 0, **said})

    def _no(self, errcode: int, words: str) -> Answer:
        rid = "-".join(self._random(4).hex() for _ in range(3))
        return _say({"errcode": errcode, "errmsg": f"{words} rid: {rid}"})


def _number(code: _Code) -> dict[str, str]:
    abroad = "" if code.country_code == "86" else f"+{code.country_code}"
    return {"phoneNumber": abroad + code.national_number, "purePhoneNumber": code.national_number}


def _pushed(program: _MiniProgram, pushed: Pushed) -> Push:
    """Return a push to the address that the console has for a third-party platform."""
    return Push(program.name, f"/v1/apps/{program.name}/callback", *pushed)


def _say(content: dict[str, Any]) -> Answer:
    return Answer(headers={"content-type": "text/plain"}, body=msgspec.json.encode(content))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None


MIRROR: Final = WeChatMirror
