"""The application of the contract in Flask."""

from __future__ import annotations

import os

from flask import Flask, request

from haoma.integrations.flask import Haoma
from support.web_apps import on_verified, respond, user_of

app = Flask(__name__)
app.config["HAOMA_CONFIG"] = os.environ["HAOMA_CONFIG"]
haoma = Haoma(app, caller=lambda: user_of(request))
for extension in (
    Haoma(name="back", prefix="/back/v1", trusted=True),
    Haoma(name="habit", prefix="/habit/v1", envelope="code-msg-data"),
    Haoma(name="team", prefix="/team/v1", on_verified=on_verified, respond=respond),
):
    extension.init_app(app)


@app.post("/verified")
def verified() -> dict[str, object]:
    return {"masked": haoma.verified_phone("wechat").masked}


@app.post("/form")
def form() -> dict[str, object]:
    return {"characters": len(request.form["code"]), "masked": haoma.verified_phone("wechat").masked}


@app.post("/boom")
def boom() -> dict[str, object]:
    raise ZeroDivisionError(haoma.verified_phone("wechat").masked)


@app.get("/readyz")
def ready() -> str:
    return ""
