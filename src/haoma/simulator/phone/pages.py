"""The files of the page: HTML in two languages, and what it loads. Nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Final

from haoma.language import negotiate
from haoma.platforms.base.mirroring import Answer
from haoma.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from haoma.platforms.base.mirroring import Call

_STATIC: Final = "/phone/static/"
_KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "wasm": "application/wasm",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_FRAME_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline' blob:; img-src 'self' data: blob:; connect-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""For the frame in which the developer's own mini program runs: it has no origin, and reaches nothing."""
_COMMON: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
_COOKIE: Final = re.compile(r"(?:^|;\s*)(haoma-[a-z]+)=([a-z]{2,5})(?=;|$)")
_SLOT: Final = re.compile(r"\{\{(lang|theme)\}\}")


def language(call: Call) -> str:
    """Return ``zh`` or ``en``: as the address says, or the cookie, or the browser."""
    for wanted in (call.query.get("lang", ""), _cookies(call).get("haoma-lang", "")):
        if wanted in LANGUAGES:
            return wanted
    return negotiate(call.headers.get("accept-language", "").encode("latin-1", "replace"))


def wants_page(call: Call) -> bool:
    """Return whether a browser asks for a page."""
    return call.method in ("GET", "HEAD") and "text/html" in call.headers.get("accept", "")


class Pages:
    """The page and its files, as they are in the package."""

    def respond(self, call: Call) -> Answer | None:
        """Return the answer, or None if there is no such file."""
        if call.method not in ("GET", "HEAD"):
            return None
        if call.path == "/phone":
            return Answer(308, {"location": "/phone/"})
        if call.path == "/phone/":
            return self._page(call)
        if call.path.startswith(_STATIC):
            return self._file(call.path.removeprefix(_STATIC))
        return None

    def _page(self, call: Call) -> Answer:
        lang = language(call)
        theme = _cookies(call).get("haoma-theme", "")
        words = {"lang": "zh-CN" if lang == "zh" else "en", "theme": theme if theme in ("light", "dark") else ""}
        file = resources.files("haoma") / "simulator" / "phone" / "page.html"
        page = _SLOT.sub(lambda slot: words[slot[1]], file.read_text("utf-8"))
        headers = {"content-type": _KINDS["html"], "content-security-policy": _POLICY, "x-frame-options": "DENY"}
        vary = {"vary": "Accept-Language, Cookie", "content-language": "zh-CN" if lang == "zh" else "en"}
        return Answer(200, headers | _COMMON | vary, page.encode("utf-8"))

    def _file(self, name: str) -> Answer | None:
        file = self._files.get(name)
        if file is None:
            return None
        kind = {"content-type": _KINDS[name.rpartition(".")[2]], "access-control-allow-origin": "*"}
        policy = _FRAME_POLICY if name.rpartition("/")[2].startswith("frame") else _POLICY
        return Answer(200, {**kind, "content-security-policy": policy, **_COMMON}, file.read_bytes())

    @cached_property
    def _files(self) -> dict[str, Traversable]:
        """The files by name. Only these are ever read, whatever an address says."""
        return dict(_found(resources.files("haoma") / "simulator" / "phone" / "static", ""))


def _found(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for each in folder.iterdir():
        if each.is_file() and each.name.rpartition(".")[2] in _KINDS:
            yield prefix + each.name, each
        elif each.is_dir() and not prefix:
            yield from _found(each, f"{each.name}/")


def _cookies(call: Call) -> dict[str, str]:
    return dict(_COOKIE.findall(call.headers.get("cookie", "")[:4096]))
