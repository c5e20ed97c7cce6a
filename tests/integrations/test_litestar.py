"""What Litestar alone has: its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from litestar import Litestar

import haoma
from haoma.errors import BY_CODE
from haoma.integrations.litestar import HaomaPlugin


@pytest.mark.parametrize("trusted", [False, True])
def test_an_example_for_each_code(trusted: bool, haoma_async_client: haoma.AsyncClient) -> None:
    """The document shows every refusal that a reader can get, each under its status."""
    document: Any = Litestar(plugins=[HaomaPlugin(haoma_async_client, trusted=trusted)]).openapi_schema.to_schema()
    json.dumps(document)
    paths = document["paths"]
    assert set(paths) == {"/v1/apps/{app}/phone-number", "/v1/apps/{app}/login", "/v1/disputes/{dispute}/join"}
    expected = {
        (kind.code if trusted else str(kind.public_code), kind.status)
        for code, kind in BY_CODE.items()
        if not code.startswith("config.")
    }
    for path in paths.values():
        shown = {
            (example["value"]["code"], int(status))
            for status, said in path["post"]["responses"].items()
            for example in said["content"].get("application/problem+json", {}).get("examples", {}).values()
        }
        assert shown == expected
    assert "Problem" in json.dumps(document["components"]["schemas"])
