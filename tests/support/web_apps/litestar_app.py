"""The application of the contract in Litestar."""

from __future__ import annotations

import os
from typing import Any

from litestar import Litestar, Request, get, post
from litestar.di import NamedDependency, Provide

import haoma
from haoma.integrations.litestar import HaomaPlugin, verified_phone
from haoma.verified import VerifiedPhone
from support.web_apps import on_verified, respond, user_of

client = haoma.AsyncClient.from_file(os.environ["HAOMA_CONFIG"])
phone_of_wechat = {"phone": Provide(verified_phone("wechat"))}


@post("/verified", status_code=200, dependencies=phone_of_wechat)
async def verified(phone: NamedDependency[VerifiedPhone]) -> dict[str, str]:
    return {"masked": phone.masked}


@post("/form", status_code=200)
async def form(request: Request[Any, Any, Any]) -> dict[str, object]:
    code = (await request.form())["code"]
    phone = await verified_phone("wechat")(request)
    return {"masked": phone.masked, "characters": len(code)}


@post("/boom", dependencies=phone_of_wechat)
async def boom(phone: NamedDependency[VerifiedPhone]) -> None:
    raise ZeroDivisionError(phone.masked)


@get("/readyz")
async def ready() -> None:
    return None


app = Litestar(
    route_handlers=[verified, form, boom, ready],
    plugins=[
        HaomaPlugin(client, caller=user_of),
        HaomaPlugin(client, prefix="/back/v1", trusted=True),
        HaomaPlugin(client, prefix="/habit/v1", envelope="code-msg-data"),
        HaomaPlugin(client, prefix="/team/v1", on_verified=on_verified, respond=respond),
    ],
)
