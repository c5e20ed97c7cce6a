"""The application of the contract in Starlette."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

import haoma
from haoma.integrations.starlette import exception_handlers, lifespan, routes, verified_phone
from support.web_apps import on_verified, respond, user_of

client = haoma.AsyncClient.from_file(os.environ["HAOMA_CONFIG"])


async def verified(request: Request) -> Response:
    phone = await verified_phone(request, "wechat")
    return JSONResponse({"masked": phone.masked})


async def form(request: Request) -> Response:
    code = (await request.form())["code"]
    phone = await verified_phone(request, "wechat")
    return JSONResponse({"masked": phone.masked, "characters": len(str(code))})


async def boom(request: Request) -> Response:
    phone = await verified_phone(request, "wechat")
    raise ZeroDivisionError(phone.masked)


async def ready(_request: Request) -> Response:
    return Response()


app = Starlette(
    routes=[
        Mount("/v1", routes=routes(client, caller=user_of)),
        Mount("/back/v1", routes=routes(client, trusted=True)),
        Mount("/habit/v1", routes=routes(client, envelope="code-msg-data")),
        Mount("/team/v1", routes=routes(client, on_verified=on_verified, respond=respond)),
        Route("/verified", verified, methods=["POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/boom", boom, methods=["POST"]),
        Route("/readyz", ready),
    ],
    lifespan=lifespan(client),
    exception_handlers=exception_handlers(),
)
