"""Log in with phone: Flask, one table of users, a signed token (a mini program keeps no cookies by itself).

Try it against simulated platforms: haoma simulate -- gunicorn --bind 127.0.0.1:8000 "app:create_app()"
"""

import os
import sqlite3

from flask import Flask, abort, current_app, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

import haoma
from haoma.integrations.flask import Haoma

TABLE = "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, account TEXT UNIQUE NOT NULL, phone TEXT)"


def database() -> sqlite3.Connection:
    if "database" not in g:
        g.database = sqlite3.connect(os.environ.get("DATABASE", "users.db"))
        g.database.execute(TABLE)
    return g.database


def find_user(phone: haoma.VerifiedPhone, link: str) -> int:
    # A number joins accounts only where the platform itself ties it to the login, on both sides: an Alipay envelope can
    # be replayed with somebody else's login. haoma has decided that: phone.account is the person. Never look up a user
    # by the number alone. Two taps at once come here twice: insert, or find what is there.
    sql = "INSERT INTO users (account, phone) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET phone = excluded.phone"
    with database() as db:
        db.execute(sql, (phone.account, phone.e164))
        return int(db.execute("SELECT id FROM users WHERE account = ?", (phone.account,)).fetchone()[0])


def signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="login")


def sign_token(user: int) -> dict[str, str]:
    return {"token": signer().dumps(user)}


def current_user() -> int:
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        return int(signer().loads(sent, max_age=7200))
    except BadSignature:
        abort(401)


phones = Haoma(on_verified=find_user, respond=sign_token)


def create_app(config: str = os.environ.get("HAOMA_CONFIG", "haoma.toml")) -> Flask:
    app = Flask(__name__)
    app.config.update(HAOMA_CONFIG=config, SECRET_KEY=os.environ.get("SECRET_KEY") or os.urandom(32))
    phones.init_app(app)
    app.teardown_appcontext(lambda _error: g.pop("database").close() if "database" in g else None)

    @app.get("/me")
    def me() -> dict[str, object]:
        user = current_user()
        (number,) = database().execute("SELECT phone FROM users WHERE id = ?", (user,)).fetchone()
        return {"user": user, "phone": number}

    return app
