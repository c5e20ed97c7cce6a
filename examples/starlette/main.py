"""Log in with phone: Starlette, one table of users, a JWT.

Try it against simulated platforms: haoma simulate -- uvicorn --factory main:create_app
"""

import os
import sqlite3
import time
from contextlib import closing
from typing import Any

import jwt
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

import haoma
from haoma.integrations.starlette import lifespan, routes

SECRET = os.environ.get("SECRET_KEY") or os.urandom(32).hex()
TABLE = "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, account TEXT UNIQUE NOT NULL, phone TEXT)"


def ask(sql: str, *values: object) -> Any:
    with closing(sqlite3.connect(os.environ.get("DATABASE", "users.db"))) as connection, connection:
        connection.execute(TABLE)
        return connection.execute(sql, values).fetchone()


def find_user(phone: haoma.VerifiedPhone, link: str) -> int:
    # A number joins accounts only where the platform itself ties it to the login, on both sides: an Alipay envelope can
    # be replayed with somebody else's login. haoma has decided that: phone.account is the person. Never look up a user
    # by the number alone. Two taps at once come here twice: insert, or find what is there.
    sql = "INSERT INTO users (account, phone) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET phone = excluded.phone"
    ask(sql, phone.account, phone.e164)
    return int(ask("SELECT id FROM users WHERE account = ?", phone.account)[0])


def sign_token(user: int, request: Request) -> dict[str, str]:
    claims = {"sub": str(user), "exp": int(time.time()) + 7200}
    return {"access_token": jwt.encode(claims, SECRET, "HS256"), "token_type": "bearer"}


def me(request: Request) -> JSONResponse:
    try:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        user = int(jwt.decode(sent, SECRET, ["HS256"])["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "log in again") from None
    (number,) = ask("SELECT phone FROM users WHERE id = ?", user)
    return JSONResponse({"user": user, "phone": number})


def create_app(config: str = os.environ.get("HAOMA_CONFIG", "haoma.toml")) -> Starlette:
    client = haoma.AsyncClient.from_file(config)
    phones = Mount("/v1", routes=routes(client, on_verified=find_user, respond=sign_token))
    return Starlette(routes=[phones, Route("/me", me)], lifespan=lifespan(client))
