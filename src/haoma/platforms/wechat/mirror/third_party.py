"""The simulated third-party platform: its pushes, the merchants' grants, and the tokens that depend on them.

It shares no code with the package ``third_party``.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from haoma.platforms.wechat.mirror.pushes import Pusher

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import RandomBytes
    from haoma.platforms.wechat.mirror.pushes import Pushed

_LIFE: Final = 7200
_TICKET_LIFE: Final = 12 * 3600.0
_CODE_LIFE: Final = 3600.0
_SETS: Final = (17, 18, 19, 25)


class ThirdParty(Pusher):
    """A third-party platform at WeChat.

    Attributes:
        app_id: Its own app id.
        refusing: The errcode that refuses every request for its token; 0 if there is none.
        pushes_asked_for: How often ``api_start_push_ticket`` was called.
    """

    def __init__(self, random_bytes: RandomBytes, *merchants: str, refusing: int = 0) -> None:
        app_id, self._secret = f"wx{random_bytes(8).hex()}", random_bytes(16).hex()
        super().__init__(random_bytes, app_id, random_bytes(8).hex(), random_bytes(32))
        self.refusing = refusing
        self.pushes_asked_for = 0
        self._tickets: dict[str, float] = {}
        self._tokens: dict[str, float] = {}
        self._granted: dict[str, str] = {}  # app id of the merchant: refresh token
        self._codes: dict[str, tuple[str, float]] = {}  # authorization code: app id, expiry
        self._unseen: set[str] = set()  # merchants with a grant whose code was not exchanged yet
        for merchant in merchants:
            self.grant(merchant)

    def settings(self, merchant: str = "") -> dict[str, Any]:
        """Return the settings for this platform, with the refresh token of a merchant if one is named."""
        return {
            "component_app_id": self.app_id,
            "component_app_secret": self._secret,
            "component_token": self._token,
            "component_aes_key": base64.b64encode(self._aes_key).decode("ascii")[:-1],
            **({"authorizer_refresh_token": self._granted[merchant]} if merchant else {}),
        }

    # --- what merchants do ---

    def grant(self, merchant: str) -> str:
        """Make a merchant grant its rights. Return the new refresh token, which replaces earlier ones."""
        self._granted[merchant] = f"refreshtoken@@@{self._random(16).hex()}"
        return self._granted[merchant]

    def take_back(self, merchant: str) -> None:
        """Make a merchant revoke its grant."""
        self._granted.pop(merchant, None)

    # --- pushes ---

    def push(self, now: float, *, created: float | None = None, good: bool = True) -> Pushed:
        """Return query and body of the push of a new ticket. If not ``good``, WeChat will reject the ticket."""
        ticket = f"ticket@@@{self._random(24).hex()}"
        if good:
            self._tickets[ticket] = now + _TICKET_LIFE
        return self._push(now, created, InfoType="component_verify_ticket", ComponentVerifyTicket=ticket)

    def push_grant(
        self, merchant: str, now: float, *, created: float | None = None, kind: str = "authorized"
    ) -> Pushed:
        """Make a merchant grant its rights; return query and body of the push that reports it."""
        self.grant(merchant)
        self._unseen.add(merchant)
        code = f"queryauthcode@@@{self._random(24).hex()}"
        self._codes[code] = merchant, now + _CODE_LIFE
        return self._push(
            now,
            created,
            InfoType=kind,
            AuthorizerAppid=merchant,
            AuthorizationCode=code,
            AuthorizationCodeExpiredTime=str(int(now + _CODE_LIFE)),
            PreAuthCode=f"preauthcode@@@{self._random(8).hex()}",
        )

    def push_leave(self, merchant: str, now: float, *, created: float | None = None) -> Pushed:
        """Make a merchant revoke its grant; return query and body of the push that reports it."""
        self.take_back(merchant)
        return self._push(now, created, InfoType="unauthorized", AuthorizerAppid=merchant)

    def _push(self, now: float, created: float | None, **fields: str) -> Pushed:
        whole = {"AppId": self.app_id, "CreateTime": str(int(now if created is None else created)), **fields}
        return self.seal(now, "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in whole.items()))

    # --- the API ---

    def refusal(self, query: dict[str, str], now: float, merchant: str = "") -> int:
        """Return the errcode that refuses a request with the component's token; 0 if none does."""
        if query.get("component_appid", self.app_id) != self.app_id:
            return 61011
        if self._tokens.get(query.get("component_access_token", ""), 0) < now:
            return 42001
        return 61003 if merchant and merchant not in self._granted else 0

    def answer(self, path: str, asked: dict[str, Any], query: dict[str, str], now: float) -> dict[str, Any] | int:
        """Return the answer to a request, or the errcode that refuses it."""
        match path.rpartition("/")[2]:
            case "api_start_push_ticket":
                self.pushes_asked_for += 1
                return {"errcode": 0, "errmsg": "ok"} if asked.get("component_secret") == self._secret else 61006
            case "api_component_token":
                return self._component_token(asked, now)
            case "api_query_auth":
                return self.refusal(query, now) or self._query_auth(asked, now)
            case name:
                return self._of_merchant(name, asked, query, now)

    def _of_merchant(self, name: str, asked: dict[str, Any], query: dict[str, str], now: float) -> dict[str, Any] | int:
        merchant = str(asked.get("authorizer_appid"))
        refused = self.refusal(query, now, merchant)
        if refused:
            return refused
        if name == "api_get_authorizer_info":
            return {"authorizer_info": {"nick_name": "example"}, "authorization_info": self._authorization(merchant)}
        if asked.get("authorizer_refresh_token") != self._granted[merchant]:
            return 61023
        return {"expires_in": _LIFE, "authorizer_refresh_token": self._granted[merchant]}

    def _component_token(self, asked: dict[str, Any], now: float) -> dict[str, Any] | int:
        ticket = asked.get("component_verify_ticket")
        if self.refusing:
            return self.refusing
        if asked.get("component_appsecret") != self._secret or ticket not in self._tickets:
            return 61006
        if self._tickets[ticket] < now:
            return 61005
        token = f"61_{self._random(48).hex()}"
        self._tokens[token] = now + _LIFE
        return {"component_access_token": token, "expires_in": _LIFE}

    def _query_auth(self, asked: dict[str, Any], now: float) -> dict[str, Any] | int:
        merchant, until = self._codes.pop(str(asked.get("authorization_code")), ("", 0.0))
        if until < now or merchant not in self._granted:
            return 61010
        self._unseen.discard(merchant)
        return {"authorization_info": {**self._authorization(merchant), "expires_in": _LIFE}}

    def _authorization(self, merchant: str) -> dict[str, Any]:
        told = {} if merchant in self._unseen else {"authorizer_refresh_token": self._granted[merchant]}
        sets = [{"funcscope_category": {"id": number}} for number in _SETS]
        return {"authorizer_appid": merchant, **told, "func_info": sets}

    def kill_tokens(self) -> None:
        """Make every token of the component invalid."""
        self._tokens.clear()
