"""What FastAPI alone has: dependencies of the application in our functions, the OpenAPI document, its lifespan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

import haoma
from haoma.errors import BY_CODE
from haoma.integrations.fastapi import add_exception_handlers, lifespan, problems, router, verified_phone
from haoma.verified import VerifiedPhone

OPEN: list[str] = []


def database() -> Iterator[dict[str, str]]:
    """A dependency as applications have: opened for a request, and closed after it."""
    OPEN.append("open")
    yield {}
    OPEN.append("closed")


Database = Annotated[dict[str, str], Depends(database)]


class Token(BaseModel):
    """What the mini program gets."""

    token: str
    agent: str | None = None


def find_user(phone: VerifiedPhone, link: OnlyForTypeCheckers, db: Database) -> str:  # type: ignore[name-defined] # noqa: F821
    db["number"] = phone.e164
    return f"user of {phone.masked}"


async def sign(user: str, request: Request, response: Response, db: Database) -> Token:
    assert db["number"]  # the same one: a dependency is solved once for a request
    response.set_cookie("session", "s")
    return Token(token=user, agent=request.headers.get("user-agent"))


def forbid(phone: VerifiedPhone, link: Any) -> None:
    raise HTTPException(403, "not today")


def ask(app: FastAPI, path: str, body: Any, **headers: str) -> httpx.Response:
    """Send one request, in an event loop of its own."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            content = body if isinstance(body, bytes) else json.dumps(body)
            return await client.post(path, content=content, headers=headers)

    return asyncio.run(main())


def test_dependencies_of_the_application(haoma_simulator: Any, haoma_async_client: haoma.AsyncClient) -> None:
    """Functions take what a dependency takes: a database, the request, the response to set a cookie."""
    app = FastAPI()
    app.include_router(router(haoma_async_client, on_verified=find_user, respond=sign))
    OPEN.clear()
    tap = haoma_simulator.tap()
    answer = ask(app, f"/v1/apps/{tap.app}/phone-number", tap.body, **{"User-Agent": "mine"})
    assert (answer.status_code, answer.json()["agent"]) == (200, "mine")
    assert answer.json()["token"].endswith(tap.phone_number[-4:])
    assert answer.cookies["session"] == "s"
    assert OPEN == ["open", "closed"]
    assert ask(app, f"/v1/apps/{tap.app}/phone-number", b"[]").json()["code"] == "malformed"
    said = app.openapi()["paths"]["/v1/apps/{app}/phone-number"]["post"]
    assert said["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Token"}


def test_a_refusal_rolls_back(haoma_simulator: Any, haoma_async_client: haoma.AsyncClient) -> None:
    """What a function has written before it refuses is not kept: a dependency sees the error, as it sees others."""
    seen: list[str] = []

    async def transaction() -> Any:
        try:
            yield seen
        except BaseException:
            seen.append("rolled back")
            raise
        seen.append("committed")

    def refuse(phone: VerifiedPhone, link: Any, db: Any = Depends(transaction)) -> None:  # noqa: B008
        db.append("written")
        raise haoma.errors.NumberTaken

    app = FastAPI()
    add_exception_handlers(app, trusted=True)  # of the application's own routes
    app.include_router(router(haoma_async_client, on_verified=refuse))
    tap = haoma_simulator.tap()
    answer = ask(app, f"/v1/apps/{tap.app}/phone-number", tap.body)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert seen == ["written", "rolled back"]


def test_errors_of_the_application_are_its_own(haoma_simulator: Any, haoma_async_client: haoma.AsyncClient) -> None:
    """An HTTPException of a team's function is answered by FastAPI."""
    app = FastAPI()
    app.include_router(router(haoma_async_client, on_verified=forbid))
    tap = haoma_simulator.tap()
    answer = ask(app, f"/v1/apps/{tap.app}/phone-number", tap.body)
    assert (answer.status_code, answer.json()) == (403, {"detail": "not today"})


def test_functions_that_take_too_little(haoma_async_client: haoma.AsyncClient) -> None:
    """It is said when the application is built, not when the first user taps."""
    with pytest.raises(TypeError, match="is given 2"):
        router(haoma_async_client, on_verified=lambda phone: phone)


@pytest.mark.parametrize("trusted", [False, True])
def test_an_example_for_each_code(trusted: bool, haoma_async_client: haoma.AsyncClient) -> None:
    """The document shows every refusal that a reader can get, each under its status, and its models are whole."""
    app = FastAPI()
    app.include_router(router(haoma_async_client, trusted=trusted))
    document = app.openapi()
    shown: dict[tuple[str, int], Any] = {}
    for path in document["paths"].values():
        for status, said in path["post"]["responses"].items():
            for media in said["content"].values():
                shown |= {(code, int(status)): each["value"] for code, each in media.get("examples", {}).items()}
    kinds = [kind for code, kind in BY_CODE.items() if not code.startswith("config.")]
    expected = {(kind.code if trusted else str(kind.public_code), kind.status) for kind in kinds}
    assert {key for key in shown if key[0] != "Validation Error"} == expected
    for (code, status), body in shown.items():
        assert (body["code"], body["status"]) == (code, status)
    text = json.dumps(document)
    assert "#/$defs/" not in text
    assert {"VerifiedPhoneOut", "LoginOut", "JoinOut"} <= document["components"]["schemas"].keys()
    for path in document["paths"].values():
        assert "example" in path["post"]["requestBody"]["content"]["application/json"]
    assert problems(trusted=trusted)[413]["content"]["application/problem+json"]["schema"]["title"] == "Problem"


def test_the_client_is_of_the_lifespan(haoma_simulator: Any, haoma_async_client: haoma.AsyncClient) -> None:
    """A dependency finds the client there; without a lifespan it says what is missing."""
    app = FastAPI(lifespan=lifespan(haoma_async_client))
    add_exception_handlers(app, trusted=True)

    @app.post("/number")
    async def number(phone: Annotated[VerifiedPhone, Depends(verified_phone("wechat"))]) -> str:
        return phone.masked

    tap = haoma_simulator.tap()
    answer = ask(app, "/number", tap.body)
    assert (answer.status_code, answer.json()["code"]) == (500, "config.wrong-argument")

    async def main() -> str:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return str((await client.post("/number", json=tap.body)).json())

    assert asyncio.run(main())[-4:] == tap.phone_number[-4:]


def test_a_blocking_client_is_refused(haoma_client: haoma.Client) -> None:
    """It would block the event loop."""
    with pytest.raises(haoma.ConfigError) as refused:
        router(haoma_client)  # type: ignore[arg-type]
    assert refused.value.code == "config.wrong-argument"


def test_there_are_two_envelopes(haoma_async_client: haoma.AsyncClient, tmp_path: Path) -> None:
    """Another word is a mistake that is told at once."""
    with pytest.raises(ValueError, match="code-msg-data"):
        router(haoma_async_client, envelope="data")
