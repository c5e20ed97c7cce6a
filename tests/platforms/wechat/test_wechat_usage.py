"""When the paid quota is called low."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haoma.errors import WrongTokenKind
from haoma.platforms.wechat.usage import usage
from support.wechat import STABLE, TOKEN, Bench, configured


@pytest.mark.parametrize(
    ("bought", "used", "low"), [("0", "0", False), ("0", "12", True), ("5", "5", True), ("1000", "0", True)]
)
def test_where_nothing_is_paid_for_nothing_runs_low(bought: str, used: str, low: bool) -> None:
    """None of none, as hospitals and schools have it that pay for nothing, is no alarm; all other zeros are."""
    said = {"errcode": 0, "errmsg": "ok", "all": bought, "effectiveUse": used}
    found = Bench({STABLE: TOKEN, "/wxa/charge/usage/get": said}).run(usage(configured()))
    assert (found.low, found.left) == (low, int(bought) - int(used) if bought != "0" else 0)


@pytest.mark.parametrize("token", ["cloud", "cloud-file"])
def test_the_cloud_is_not_asked(token: str) -> None:
    """The interface takes no cloud call; which token it needs is said, and nothing is sent."""
    bench = Bench({})
    with pytest.raises(WrongTokenKind) as caught:
        bench.run(usage(replace(configured(), issuer=token)))
    assert dict(caught.value.because) == {"token": token, "needed": "stable"}
    assert (caught.value.platform, caught.value.app, bench.calls) == ("wechat", "shop", {})
