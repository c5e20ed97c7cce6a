"""One person's data as a page that people can read."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from haoma.accounts import Account

FACTS: Final = ("account", "user", "created_at", "phone_number", "verified_at", "bound_at", "assurance")
LOGINS: Final = ("platform", "app_id", "kind", "value", "linked_at")
CONSENTS: Final = ("app", "policy", "scene", "audience", "at", "withdrawn_at")
_STYLE: Final = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc}"
    "th{white-space:nowrap}td{word-break:break-all}"
)


def page(found: Account, lang: str) -> str:
    """Return a page of HTML, in ``zh`` or ``en``. It loads nothing and runs nothing."""

    def say(key: str) -> str:
        return text("people", f"page.{key}", lang)

    def rows(records: Iterable[Any], names: Sequence[str]) -> list[list[str | None]]:
        return [[_shown(getattr(each, name)) for name in names] for each in records]

    facts = zip(map(say, FACTS), rows([found], FACTS)[0], strict=True)
    parts = [
        f"<h1>{escape(say('title'))}</h1>",
        _table(facts),
        f"<h2>{escape(say('logins'))}</h2>",
        _listed([say(each) for each in LOGINS], rows(found.logins, LOGINS), say("none")),
        f"<h2>{escape(say('consents'))}</h2>",
        _listed([say(each) for each in CONSENTS], rows(found.consents or (), CONSENTS), say("none")),
        f"<p>{escape(say('note'))}</p>",
    ]
    head = f'<meta charset="utf-8"><title>{escape(say("title"))}</title><style>{_STYLE}</style>'
    code = "zh-CN" if lang == "zh" else "en"
    return f'<!doctype html><html lang="{code}"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _table(rows: Iterable[tuple[str, str | None]]) -> str:
    cells = (f"<tr><th>{escape(name)}</th><td>{escape(value or '–')}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _listed(names: Sequence[str], rows: Sequence[Sequence[str | None]], nothing: str) -> str:
    if not rows:
        return f"<p>{escape(nothing)}</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(each or '–')}</td>" for each in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _shown(value: str | datetime | None) -> str | None:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
