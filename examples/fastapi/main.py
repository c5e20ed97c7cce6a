"""Log in with phone: FastAPI, one table of users, a JWT.

Try it against simulated platforms: haoma simulate -- uvicorn --factory main:create_app
"""

import os
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

import haoma
from haoma.integrations.fastapi import lifespan, router

SECRET = os.environ.get("SECRET_KEY") or os.urandom(32).hex()
TABLE = "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, account TEXT UNIQUE NOT NULL, phone TEXT)"


async def database() -> AsyncIterator[sqlite3.Connection]:
    connection = sqlite3.connect(os.environ.get("DATABASE", "users.db"), check_same_thread=False)
    with connection:
        connection.execute(TABLE)
        yield connection
    connection.close()


Database = Annotated[sqlite3.Connection, Depends(database)]


def find_user(phone: haoma.VerifiedPhone, link: str, db: Database) -> int:
    # A number joins accounts only where the platform itself ties it to the login, on both sides: an Alipay envelope can
    # be replayed with somebody else's login. haoma has decided that: phone.account is the person. Never look up a user
    # by the number alone. Two taps at once come here twice: insert, or find what is there.
    sql = "INSERT INTO users (account, phone) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET phone = excluded.phone"
    db.execute(sql, (phone.account, phone.e164))
    return int(db.execute("SELECT id FROM users WHERE account = ?", (phone.account,)).fetchone()[0])


def sign_token(user: int) -> dict[str, str]:
    claims = {"sub": str(user), "exp": int(time.time()) + 7200}
    return {"access_token": jwt.encode(claims, SECRET, "HS256"), "token_type": "bearer"}


def current_user(sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> int:
    try:
        return int(jwt.decode(sent.credentials, SECRET, ["HS256"])["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "log in again") from None


def create_app(config: str = os.environ.get("HAOMA_CONFIG", "haoma.toml")) -> FastAPI:
    client = haoma.AsyncClient.from_file(config)
    app = FastAPI(lifespan=lifespan(client))
    app.include_router(router(client, on_verified=find_user, respond=sign_token))

    @app.get("/me")
    def me(user: Annotated[int, Depends(current_user)], db: Database) -> dict[str, object]:
        (number,) = db.execute("SELECT phone FROM users WHERE id = ?", (user,)).fetchone()
        return {"user": user, "phone": number}

    return app
