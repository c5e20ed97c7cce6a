"""HTML pages: the documentation of the service and of each error code. No scripts, no external resources."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from html import escape
from typing import Any, Final

from haoma import catalogue
from haoma.platforms.registry import PLATFORMS
from haoma.problem import behaviour
from haoma.service.pages import openapi
from haoma.words import text

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.6 system-ui,sans-serif;max-width:56rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin:2.2rem 0 .4rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
code,pre{font:.875em ui-monospace,monospace}pre{background:var(--soft);padding:.7rem;overflow-x:auto;border-radius:6px}
table{border-collapse:collapse;width:100%}
td{border-top:1px solid var(--line);padding:.35rem .5rem;vertical-align:top}
summary{cursor:pointer}.verb{border:1px solid var(--line);border-radius:4px;padding:0 .4em;font-size:.8em}
"""
_HEADINGS: Final = ("title", "all", "request", "answer", "refusals", "cause", "remedy", "native", "see", "who")


@cache
def _say(lang: str) -> dict[str, str]:
    """Return the headings of the pages."""
    return {name: text("service", f"page.{name}", lang) for name in _HEADINGS}


@lru_cache(maxsize=512)
def error(code: str, lang: str, *, html: bool) -> str | None:
    """Return the page of one of our codes or of a platform's code, or None if the code is unknown."""
    if code not in catalogue.codes():
        found = catalogue.entries(code, PLATFORMS)
        return _of_a_platform(code, found, lang, html=html) if found else None
    say, words = _say(lang), catalogue.words(code, lang)
    natives = [
        (platform, entry.native, entry.words(lang))
        for platform in PLATFORMS
        for entry in catalogue.refusals(platform).values()
        if entry.code == code
    ]
    if not html:
        lines = [code, words.title, "", f"{say['cause']}: {words.cause}", "", f"{say['remedy']}: {words.remedy}"]
        lines += ["", f"{say['who']}: {_who(words, lang)}"]
        for platform, native, special in natives:
            lines += ["", f"{platform}:{native}  {special.title}", special.cause, special.remedy]
        return "\n".join([*lines, ""])
    body = [
        f"<p><code>{escape(code)}</code></p><h1>{_text(words.title)}</h1>",
        f"<h2>{say['cause']}</h2><p>{_text(words.cause)}</p><h2>{say['remedy']}</h2><p>{_text(words.remedy)}</p>",
        f"<h2>{say['who']}</h2><p>{escape(_who(words, lang))}</p>",
    ]
    if natives:
        body.append(f"<h2>{say['native']}</h2>")
    for platform, native, special in natives:
        see = f'<p><a rel="noreferrer" href="{escape(special.see)}">{say["see"]}</a></p>' if special.see else ""
        body.append(
            f"<h3><code>{escape(f'{platform}:{native}')}</code> {_text(special.title)}</h3>"
            f"<p>{_text(special.cause)}</p><p>{_text(special.remedy)}</p>{see}"
        )
    body.append(f'<p><a href="{_up(code)}docs">{say["all"]}</a></p>')
    return _html(lang, words.title, "".join(body))


def _who(words: catalogue.Words, lang: str) -> str:
    return text("problem", f"who.{words.who}", lang)


def _of_a_platform(code: str, found: list[tuple[str, catalogue.Entry]], lang: str, *, html: bool) -> str:
    """Return the same text as ``haoma explain``. If a code has several meanings, all of them are shown."""
    say = _say(lang)
    parts = []
    for platform, entry in found:
        answered = behaviour(entry.code, ask_again=entry.ask_again)
        words, name = entry.words(lang), f"{entry.called(platform, lang)} → {entry.code}"
        if not html:
            see = [f"{say['see']}: {words.see}"] if words.see else []
            told = [f"{say['cause']}: {words.cause}", "", f"{say['remedy']}: {words.remedy}"]
            told += ["", f"{say['who']}: {_who(words, lang)}", *see]
            parts.append("\n".join([name, words.title, "", *told, answered, ""]))
            continue
        see = [f'<p><a rel="noreferrer" href="{escape(words.see)}">{say["see"]}</a></p>'] if words.see else []
        ours = f'<a href="{_up(code)}errors/{escape(entry.code)}">{escape(entry.code)}</a>'
        parts += [
            f"<p><code>{escape(entry.called(platform, lang))}</code> → <code>{ours}</code></p>",
            f"<h1>{_text(words.title)}</h1><h2>{say['cause']}</h2><p>{_text(words.cause)}</p>",
            f"<h2>{say['remedy']}</h2><p>{_text(words.remedy)}</p>",
            f"<h2>{say['who']}</h2><p>{escape(_who(words, lang))}</p>",
            *see,
            f"<p>{escape(answered)}</p>",
        ]
    if not html:
        return "\n".join(parts)
    return _html(lang, code, "".join([*parts, f'<p><a href="{_up(code)}docs">{say["all"]}</a></p>']))


def _up(code: str) -> str:
    """Return the way from the page of a code to the root. Links are relative, because a proxy may add a prefix."""
    return "../" * (1 + code.count("/"))


@lru_cache(maxsize=4)
def docs(lang: str) -> str:
    """Return the documentation page of all routes."""
    document, say = openapi.document(lang), _say(lang)
    body = [f"<h1>{say['title']}</h1><p>{_text(document['info']['description'])}</p>"]
    for path, item in document["paths"].items():
        body += [_operation(path, verb, item[verb], say) for verb in ("get", "post") if verb in item]
    return _html(lang, say["title"], "".join(body))


def _operation(path: str, verb: str, operation: dict[str, Any], say: dict[str, str]) -> str:
    parts = [f'<h2><span class="verb">{verb.upper()}</span> <code>{escape(path)}</code></h2>']
    parts.append(f"<p>{_text(operation['summary'])}</p>")
    request = operation.get("requestBody")
    if request:
        parts.append(f"<h3>{say['request']}</h3><p>{_text(request['description'])}</p>")
        parts += _examples(request["content"]["application/json"])
    refusals = []
    for status, response in operation["responses"].items():
        for kind, content in response["content"].items():
            if kind == "application/problem+json":
                refusals += [
                    f'<tr><td>{status}</td><td><a href="errors/{escape(code)}"><code>{escape(code)}</code></a></td>'
                    f"<td>{_text(example['summary'])}</td></tr>"
                    for code, example in content["examples"].items()
                ]
            else:
                parts.append(f"<h3>{say['answer']} {status} <code>{escape(kind)}</code></h3>")
                parts += _examples(content)
    if refusals:
        parts.append(f"<details><summary>{say['refusals']}</summary><table>{''.join(refusals)}</table></details>")
    return "".join(parts)


def _examples(content: dict[str, Any]) -> list[str]:
    return [
        f"<p>{escape(example.get('summary', name))}</p><pre>"
        f"{escape(json.dumps(example['value'], ensure_ascii=False, indent=2))}</pre>"
        for name, example in content.get("examples", {}).items()
    ]


def _text(text: str) -> str:
    """Return the text escaped for HTML, with `…` marked as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))


def _html(lang: str, title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )
