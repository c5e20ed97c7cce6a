"""The application of the contract in FastAPI."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Depends, FastAPI, Form

import haoma
from haoma.integrations.fastapi import add_exception_handlers, lifespan, router, verified_phone
from haoma.verified import VerifiedPhone
from support.web_apps import on_verified, respond, user_of

client = haoma.AsyncClient.from_file(os.environ["HAOMA_CONFIG"])
app = FastAPI(lifespan=lifespan(client))
add_exception_handlers(app)
app.include_router(router(client, caller=user_of))
app.include_router(router(client, prefix="/back/v1", trusted=True))
app.include_router(router(client, prefix="/habit/v1", envelope="code-msg-data"))
app.include_router(router(client, prefix="/team/v1", on_verified=on_verified, respond=respond))


@app.post("/verified")
async def verified(phone: Annotated[VerifiedPhone, Depends(verified_phone("wechat"))]) -> dict[str, str]:
    return {"masked": phone.masked}


@app.post("/form")
async def form(
    code: Annotated[str, Form()], phone: Annotated[VerifiedPhone, Depends(verified_phone("wechat"))]
) -> dict[str, object]:
    return {"masked": phone.masked, "characters": len(code)}


@app.post("/boom")
async def boom(phone: Annotated[VerifiedPhone, Depends(verified_phone("wechat"))]) -> None:
    raise ZeroDivisionError(phone.masked)


@app.get("/readyz")
async def ready() -> None:
    return None
