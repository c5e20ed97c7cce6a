"""Where WeChat's API is."""

from __future__ import annotations

from typing import Final

API: Final = "https://api.weixin.qq.com"
