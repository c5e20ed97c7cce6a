"""The OpenAPI document of the service, in Chinese or English.

It is written by hand, not generated from signatures: the routes accept raw bytes in many shapes, and readers need
examples of them. Everything that could become outdated comes from the code: result schemas, error codes and their text.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, Final

import msgspec

from haoma.authorization import MAX_BYTES
from haoma.catalogue import Who
from haoma.errors import BY_CODE, Next, Public
from haoma.link import Link
from haoma.platforms.base.bodies import LOGIN, bodies
from haoma.platforms.registry import PLATFORMS
from haoma.problem import problem
from haoma.service.pages.account_paths import DESCRIBED, EVERYWHERE, Described
from haoma.verified import Assurance, Check, Subject
from haoma.words import text

_REF: Final = "#/components/schemas/"
_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "string", "format": "uuid"}
_NOT_FROM_ROUTES: Final = frozenset({
    "caller.draining", "caller.unknown-route", "caller.wrong-method", "trust.webhook-not-verified",
})  # fmt: skip


_MASKED: Final = {
    "masked": "138****8000",
    "platform": "<platform>",
    "app": "shop",
    "subject": {"openid": "<openid>"},
    "checks": [{"name": "signature", "proven": True, "how": "…"}],
    "repeated": False,
    "assurance": "platform",
    "account": "01939d2e-7c00-7a1b-8c2d-3e4f5a6b7c8d",
    "link": "new",
}
_OF_A_NUMBER: Final = frozenset({"envelope", "trust", "platform", "outside", "internal"})
_WHOLE: Final = {"phone_number": "+8613800138000", "country_code": "86", "national_number": "13800138000", **_MASKED}


_CHECKED: Final = {
    "active": True,
    "id": "<jti>",
    "app": "shop",
    "subject": "<account>",
    "account": "<account>",
    "issued_at": "2026-12-01T08:00:00Z",
    "expires_at": "2026-12-01T08:10:00Z",
    "platform": "<platform>",
    "masked": "138****8000",
    "link": "linked",
}
_NOT_OF_SESSIONS: Final = frozenset({
    "caller.token-unusable", "caller.too-many-refused-codes", "caller.too-many-requests", "caller.unknown-app",
})  # fmt: skip


_SMS_SENT: Final = {"ticket": "<ticket>", "expires_in": 300, "resend_after": 60, "session": "<session>"}


@cache
def document(lang: str) -> dict[str, Any]:
    """Return the OpenAPI document in ``lang``."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "haoma", "version": version("haoma"), "description": _say("about", lang)},
        "security": [{"key": []}],
        "paths": {
            "/v1/apps/{app}/phone-number": {
                "parameters": _app_parameter(lang),
                "post": _operation(
                    "phone-number",
                    lang,
                    examples=_examples(lang, login=False),
                    answers={"server": _WHOLE, "publishable": {**_MASKED, "token": "<JWT>"}},
                    schema={"oneOf": [_ref("PhoneNumber"), _ref("MaskedPhoneNumber")]},
                    refused=lambda code: (
                        code not in ("caller.server-key-needed", "caller.token-unusable")
                        and (code == "link.number-taken" or not code.startswith("link."))
                    ),
                ),
            },
            "/v1/apps/{app}/login": {
                "parameters": _app_parameter(lang),
                "post": _operation(
                    "login",
                    lang,
                    examples=_examples(lang, login=True),
                    answers={
                        "server": {"session": "<session>", "expires_in": 7200, "subject": {"openid": "<openid>"}},
                        "publishable": {"session": "<session>", "expires_in": 7200},
                    },
                    schema=_ref("Session"),
                    refused=lambda code: (
                        not code.startswith(("trust.", "link."))
                        and code not in ("caller.server-key-needed", "caller.token-unusable")
                    ),
                ),
            },
            "/v1/apps/{app}/phone-number/reveal": {
                "parameters": _app_parameter(lang),
                "post": _operation(
                    "reveal",
                    lang,
                    examples={"token": {"value": {"token": "<JWT>"}}},
                    answers={"server": _WHOLE},
                    schema=_ref("PhoneNumber"),
                    refused=lambda code: code.partition(".")[0] in ("envelope", "caller", "internal"),
                ),
            },
            "/v1/apps/{app}/callback": {
                "parameters": _app_parameter(lang),
                "post": _plain("push", lang, "text/plain", _problems(lang, ["trust.cannot-open"]))["get"],
            },
            "/v1/apps/{app}/usage": {
                "parameters": _app_parameter(lang),
                "get": _usage(lang),
            },
            "/v1/sessions/check": {
                "post": _operation(
                    "check-session",
                    lang,
                    examples={"token": {"value": {"token": "<JWT>"}}},
                    answers={"server": _CHECKED},
                    schema=_ref("SessionCheck"),
                    refused=_of_sessions,
                ),
            },
            "/v1/sessions/revoke": {
                "post": _operation(
                    "revoke-session",
                    lang,
                    examples={"token": {"value": {"token": "<JWT>"}}},
                    answers={"server": {"revoked": True}},
                    schema=_object({"revoked": {"type": "boolean"}}, required=["revoked"]),
                    refused=_of_sessions,
                ),
            },
            "/v1/apps/{app}/sms/send": {
                "parameters": _app_parameter(lang),
                "post": _operation(
                    "sms-send",
                    lang,
                    examples={"number": {"value": {"phone_number": "13800138000", "login_code": "<login code>"}}},
                    answers={"publishable": _SMS_SENT},
                    schema=_object(
                        {
                            **dict.fromkeys(("ticket", "session"), _TEXT),
                            "expires_in": {"type": "integer"},
                            "resend_after": {"type": "integer"},
                        },
                        required=["ticket", "expires_in", "resend_after"],
                    ),
                    refused=lambda code: (
                        not code.startswith("link.")
                        and code not in ("caller.server-key-needed", "caller.token-unusable", "trust.sms-code-wrong")
                    ),
                ),
            },
            "/v1/apps/{app}/sms/check": {
                "parameters": _app_parameter(lang),
                "post": _operation(
                    "sms-check",
                    lang,
                    examples={"code": {"value": {"ticket": "<ticket>", "sms_code": "123456", "session": "<session>"}}},
                    answers={"server": _WHOLE, "publishable": {**_MASKED, "token": "<JWT>"}},
                    schema={"oneOf": [_ref("PhoneNumber"), _ref("MaskedPhoneNumber")]},
                    refused=lambda code: (
                        code == "link.number-taken"
                        or code.partition(".")[0] in ("envelope", "caller", "internal", "trust", "platform", "outside")
                    ),
                ),
            },
            "/v1/apps/{app}/id-token": {
                "parameters": _app_parameter(lang),
                "post": _operation(
                    "id-token",
                    lang,
                    examples={"token": {"value": {"token": "<JWT>", "audience": "web", "nonce": "<nonce>"}}},
                    answers={"publishable": {"id_token": "<JWT>", "expires_in": 300}},
                    schema=_object(
                        {"id_token": _TEXT, "expires_in": {"type": "integer"}}, required=["id_token", "expires_in"]
                    ),
                    refused=lambda code: code.partition(".")[0] in ("envelope", "caller", "internal"),
                ),
            },
            "/v1/id-tokens/check": {
                "post": _operation(
                    "check-id-token",
                    lang,
                    examples={"token": {"value": {"token": "<JWT>", "audience": "web", "nonce": "<nonce>"}}},
                    answers={"server": {"active": True, "claims": {"sub": "<sub>", "aud": "web"}}},
                    schema=_object({"active": {"type": "boolean"}, "claims": {"type": "object"}}, required=["active"]),
                    refused=_of_sessions,
                ),
            },
            **{path: _about_accounts(path, route, lang) for path, route in DESCRIBED.items()},
            "/.well-known/openid-configuration": _plain(
                "discovery", lang, "application/json", _problems(lang, ["caller.unknown-route"])
            ),
            "/.well-known/jwks.json": _plain("jwks", lang, "application/json"),
            "/healthz": _plain("healthz", lang, "application/json"),
            "/readyz": _plain("readyz", lang, "application/json", _problems(lang, ["caller.draining"])),
            "/metrics": _plain("metrics", lang, "text/plain"),
            "/openapi.json": _plain("openapi", lang, "application/json"),
            "/docs": _plain("docs", lang, "text/html"),
            "/errors/{code}": {
                "parameters": [{"name": "code", "in": "path", "required": True, "schema": _TEXT}],
                **_plain("errors", lang, "text/html", _problems(lang, ["caller.unknown-route"])),
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _examples(lang: str, *, login: bool) -> dict[str, Any]:
    """Return every platform's examples, of a login or of an authorization."""
    return {
        f"{platform}-{name}": {"summary": f"{platform}: {body.en if lang == 'en' else body.zh}", "value": body.value}
        for platform in PLATFORMS
        for name, body in bodies(platform).items()
        if (name == LOGIN) is login
    }


def _about_accounts(path: str, route: Described, lang: str) -> dict[str, Any]:
    """Return one of the paths about accounts."""
    if route.body is None:  # a change of number: what a front end sends, and the app that it is for
        sent = {
            name: {**example, "value": {"app": "shop", **example["value"]}}
            for name, example in _examples(lang, login=False).items()
        }
        answered, schema = _WHOLE, _ref("PhoneNumber")
    else:
        sent, answered = {name: {"value": value} for name, value in route.sent.items()}, route.answered
        schema = {"type": "object"} if route.answer is None else _ref(route.answer.__name__)
    found = _operation(
        route.name,
        lang,
        examples=sent,
        answers={"server": answered},
        schema=schema,
        refused=lambda code: (
            code in EVERYWHERE
            or code in route.refused
            or (route.body is None and code.partition(".")[0] in _OF_A_NUMBER)
        ),
    )
    if route.body is not None:
        content = found["requestBody"]["content"]["application/json"]
        content["schema"] = _ref(route.body.__name__)
        found["requestBody"] = {
            "required": not route.optional,
            "description": _say("strict", lang),
            "content": {"application/json": content},
        }
    if "{id}" not in path:
        return {"post": found}
    name = "dispute" if "disputes" in path else "account"
    return {
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": _ID, "description": _say(f"id-{name}", lang)}
        ],
        "post": found,
    }


def _of_sessions(code: str) -> bool:
    return code.partition(".")[0] in ("envelope", "caller", "internal") and code not in _NOT_OF_SESSIONS


def _say(name: str, lang: str) -> str:
    return text("service", f"api.{name}", lang)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF + name}


def _app_parameter(lang: str) -> list[dict[str, Any]]:
    return [{"name": "app", "in": "path", "required": True, "schema": _TEXT, "description": _say("app", lang)}]


def _operation(
    name: str, lang: str, *, examples: dict[str, Any], answers: dict[str, Any], schema: dict[str, Any], refused: Any
) -> dict[str, Any]:
    content = {"examples": examples}
    codes = [
        code for code in BY_CODE if not code.startswith("config.") and code not in _NOT_FROM_ROUTES and refused(code)
    ]
    return {
        "operationId": name,
        "summary": _say(name, lang),
        "requestBody": {
            "required": True,
            "description": _say("body", lang) + f" ≤ {MAX_BYTES // 1024} KiB",
            "content": {"application/json": content, "text/plain": {}, "application/x-www-form-urlencoded": {}},
        },
        "responses": {
            "200": {
                "description": _say("ok", lang),
                "content": {
                    "application/json": {
                        "schema": schema,
                        "examples": {
                            who: {"summary": _say(who, lang), "value": value} for who, value in answers.items()
                        },
                    }
                },
            },
            **_problems(lang, codes),
        },
    }


def _usage(lang: str) -> dict[str, Any]:
    codes = [
        "caller.key-missing", "caller.key-rejected", "caller.server-key-needed", "caller.too-many-requests",
        "caller.unknown-app",
    ]  # fmt: skip
    counts = {name: {"type": "integer"} for name in ("total", "used", "left")}
    quota = _object(
        {
            "name": _TEXT,
            **counts,
            "low": {"type": "boolean"},
            "code": _TEXT,
            "platform_code": {"type": ["string", "null"]},
        },
        required=["name"],
    )
    schema = _object({"quotas": {"type": "array", "items": quota}}, required=["quotas"])
    example = {"quotas": [{"name": "getPhoneNumber", "total": 5000, "used": 412, "left": 4588, "low": False}]}
    responses = {
        "200": {
            "description": _say("ok", lang),
            "content": {"application/json": {"schema": schema, "examples": {"server": {"value": example}}}},
        },
        **_problems(lang, codes),
    }
    return {"operationId": "usage", "summary": _say("usage", lang), "responses": responses}


def _plain(name: str, lang: str, kind: str, problems: dict[str, Any] | None = None) -> dict[str, Any]:
    responses = {"200": {"description": _say("ok", lang), "content": {kind: {}}}, **(problems or {})}
    return {"get": {"operationId": name, "summary": _say(name, lang), "security": [], "responses": responses}}


def _problems(lang: str, codes: list[str]) -> dict[str, Any]:
    """Return the refusals by HTTP status, with an example for each code."""
    by_status: dict[str, dict[str, Any]] = {}
    for code in sorted(codes):
        error = BY_CODE[code]()
        example = {"summary": error.explain(lang).title, "value": problem(error, lang, request_id="<request id>")}
        by_status.setdefault(str(error.status), {})[code] = example
    return {
        status: {
            "description": " · ".join(examples),
            "content": {"application/problem+json": {"schema": _ref("Problem"), "examples": examples}},
        }
        for status, examples in sorted(by_status.items())
    }


def _schemas() -> dict[str, Any]:
    described = [kind for route in DESCRIBED.values() for kind in (route.body, route.answer) if kind is not None]
    _, results = msgspec.json.schema_components((Check, Subject, *described), ref_template=_REF + "{name}")
    nobody = {"type": "null"}
    masked = {
        "masked": _TEXT,
        "platform": _TEXT,
        "app": _TEXT,
        "subject": {"anyOf": [_ref("Subject"), nobody]},
        "checks": {"type": "array", "items": _ref("Check")},
        "repeated": {"type": "boolean"},
        "assurance": {"enum": list(Assurance)},
    }
    linked = {"account": _ID, "link": {"enum": list(Link)}, "dispute": _ID}
    whole = {"phone_number": _TEXT, "country_code": _TEXT, "national_number": _TEXT, **masked}
    refusal = {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {"type": "string", "description": "/errors/{code} | " + " | ".join(Public)},
        "next": {"enum": list(Next)},
        "retry": {"type": "boolean"},
        "remedy": _TEXT,
        "who": {"enum": list(Who)},
        "request_id": _TEXT,
        "platform_code": _TEXT,
        "platform_message": _TEXT,
    }
    session = {"session": _TEXT, "expires_in": {"type": "integer"}, "subject": _ref("Subject")}
    maybe = {"anyOf": [_TEXT, nobody]}
    checked = {
        "active": {"type": "boolean"},
        **dict.fromkeys(("id", "app", "issued_at", "expires_at"), _TEXT),
        **dict.fromkeys(("subject", "account", "platform", "masked", "link"), maybe),
    }
    return {
        **results,
        "SessionCheck": _object(checked, required=["active"]),
        "PhoneNumber": _object({**whole, **linked}, required=list(whole)),
        "MaskedPhoneNumber": _object({**masked, **linked, "token": _TEXT}, required=[*masked, "token"]),
        "Session": _object(session, required=["session", "expires_in"]),
        "Problem": _object(refusal, required=["type", "title", "status", "code", "next", "retry"]),
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}
