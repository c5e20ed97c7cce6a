"""Builds the documentation as a site: ``make docs``.

The pages in docs/ are plain Markdown that is read on its own; English and Chinese lie side by side. This makes a tree
for each language, lets Zensical render it, and adds a landing page, a Markdown twin of each page, and ``llms.txt``.
Nothing of the site comes from another host. Zensical is installed into .docs/, a virtual environment of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
import venv
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LOOK = DOCS / "site"
TOOLS = ROOT / ".docs"
SITE = ROOT / "site"
ZENSICAL = "zensical==0.0.73"  # an alpha: later ones need a package that is not published
LANGUAGES = {"zh": "zh-CN", "en": "en"}
_SWITCH = re.compile(r"^(?:\*\*English\*\* · \[简体中文\]|\[English\]\([^)]*\) · ).*\n+", re.MULTILINE)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Build both trees, the landing page and the lists. Any warning ends it."""
    prepare()
    shutil.rmtree(SITE, ignore_errors=True)
    words = tomllib.loads((LOOK / "site.toml").read_text("utf-8"))
    for lang in LANGUAGES:
        print(f"{lang} …", flush=True)
        pages = tree(lang)
        render(lang, words[lang], pages)
        twins(lang, pages)
    landing(words)
    (SITE / "llms.txt").write_text(llms(words), "utf-8")
    check()
    print(f"site/: {sum(1 for _ in SITE.rglob('*.html'))} pages")


def prepare() -> None:
    """Install Zensical, once."""
    mark = TOOLS / ".ready"
    if not mark.exists() or mark.read_text() != ZENSICAL:
        print("installing Zensical …", flush=True)
        venv.create(TOOLS, with_pip=True)
        pip = TOOLS / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ZENSICAL
        subprocess.run(pip, check=True)
        mark.write_text(ZENSICAL)


# --- the trees ---


def tree(lang: str) -> dict[Path, str]:
    """Write the pages of a language. Return their texts by path."""
    folder = TOOLS / lang / "docs"
    shutil.rmtree(folder, ignore_errors=True)
    pages: dict[Path, str] = {}
    for page in sorted(DOCS.rglob("*.md")):
        if page.name.endswith(".zh-CN.md") or LOOK in page.parents:
            continue
        chinese = page.with_name(page.name.replace(".md", ".zh-CN.md"))
        source = chinese if lang == "zh" and chinese.exists() else page
        pages[page.relative_to(DOCS)] = rewritten(source, lang)
    for path, text in pages.items():
        to = folder / path.with_name("index.md" if path.name == "README.md" else path.name)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, "utf-8")
    for image in [*DOCS.glob("images/*"), *look()]:
        to = folder / ("images" if image.parent.name == "images" else "site") / image.name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, to)
    tokens = folder / "site" / "tokens.css"  # the values alone: what they are used for is Zensical's
    tokens.write_text(tokens.read_text("utf-8").partition("\n*,")[0], "utf-8")
    return pages


def look() -> list[Path]:
    """Return the files of the look: tokens and parts are those of the simulator's page."""
    shared = ROOT / "src" / "haoma" / "simulator" / "phone" / "static"
    ours = [*LOOK.glob("*.css"), *LOOK.glob("*.js")]
    return ours + [shared / name for name in ("tokens.css", "parts.css", "mark.svg")]


def rewritten(source: Path, lang: str) -> str:
    """Return a page for the site: no switch of the language, and links that lead to pages of the same tree.

    A page that there is in English alone leads to whole Chinese pages, because their headings are other ones.
    """

    def link(found: re.Match[str]) -> str:
        image, text, target = found.groups()
        path, _, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return found[0]
        resolved = (source.parent / path).resolve()
        if image:
            return found[0]
        if resolved in {ROOT / "README.md", ROOT / "README.zh-CN.md"}:
            path = os.path.relpath(DOCS / "README.md", source.parent)
            anchor = ""
        elif DOCS not in resolved.parents or resolved.suffix != ".md":
            return text if "`" in text else f"`{text}`" if "/" in text else text
        chinese = resolved.with_name(resolved.name.replace(".md", ".zh-CN.md"))
        if lang == "zh" and chinese.exists() and not source.name.endswith(".zh-CN.md"):
            anchor = ""
        path = path.replace(".zh-CN.md", ".md").replace("README.md", "index.md")
        return f"[{text}]({path}{'#' + anchor if anchor else ''})"

    text = _SWITCH.sub("", source.read_text("utf-8"), count=1)
    pieces = _FENCE.split(text)
    return "".join(piece if piece.startswith("```") else _LINK.sub(link, piece) for piece in pieces)


def title(text: str) -> str:
    """Return the first heading of a page."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


# --- Zensical ---


def render(lang: str, words: dict[str, Any], pages: dict[Path, str]) -> None:
    """Let Zensical render a tree. Broken links and anchors end it."""
    folder = TOOLS / lang
    other = next(each for each in LANGUAGES if each != lang)
    config = {
        "project": {
            "site_name": words["name"],
            "site_description": words["description"],
            "docs_dir": "docs",
            "site_dir": "site",
            "use_directory_urls": True,
            "nav": navigation(words["nav"], pages),
            "extra_css": ["site/tokens.css", "site/docs.css"],
            "theme": {
                "language": lang,
                "font": False,
                "logo": "site/mark.svg",
                "favicon": "site/mark.svg",
                "features": ["navigation.sections", "content.code.copy", "search.highlight", "toc.follow"],
                "palette": [
                    {"media": f"(prefers-color-scheme: {scheme})", "scheme": name,
                     "toggle": {"icon": icon, "name": words["theme"]}}
                    for scheme, name, icon in (
                        ("light", "default", "lucide/sun"), ("dark", "slate", "lucide/moon"))
                ],
            },
            "extra": {
                "generator": False,
                "alternate": [
                    {"name": words["language"], "link": f"../{lang}/", "lang": LANGUAGES[lang]},
                    {"name": words["other"], "link": f"../{other}/", "lang": LANGUAGES[other]},
                ],
            },
            "plugins": {"search": {"lang": [lang]}},
            "markdown_extensions": {
                "admonition": {}, "attr_list": {}, "md_in_html": {}, "tables": {}, "pymdownx.superfences": {},
                "pymdownx.details": {}, "pymdownx.highlight": {"anchor_linenums": False},
                "toc": {"permalink": True, "slugify": {"object": "pymdownx.slugs.slugify", "kwds": {"case": "lower"}}},
            },
        }
    }  # fmt: skip
    (folder / "zensical.toml").write_text(toml(config), "utf-8")
    done = subprocess.run(
        [TOOLS / "bin" / "zensical", "build", "--clean", "--strict"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or re.search(r"warning", done.stdout + done.stderr, re.IGNORECASE):
        raise SystemExit(done.stdout + done.stderr)
    shutil.copytree(folder / "site", SITE / lang)


def navigation(sections: list[dict[str, Any]], pages: dict[Path, str]) -> list[Any]:
    """Return the navigation. Every page is in it, except for those of single codes and decisions."""
    found: list[Any] = []
    listed: set[str] = set()
    for section in sections:
        entries = []
        for name in section["pages"]:
            listed.add(name)
            to = name.replace("README.md", "index.md")
            entries.append({title(pages[Path(name)]): to})
        found.append({section["title"]: entries} if section.get("title") else entries[0])
    left = {str(path) for path in pages} - listed
    left = {each for each in left if not each.startswith(("errors/", "decisions/", "example/", "federate/"))}
    if left:
        raise SystemExit(f"docs/site/site.toml lists no: {', '.join(sorted(left))}")
    return found


def toml(value: Any) -> str:
    """Return a configuration as TOML, with tables inline."""
    return f"[project]\n{chr(10).join(f'{key} = {_inline(each)}' for key, each in value['project'].items())}\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_inline(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


# --- beside the pages ---


def twins(lang: str, pages: dict[Path, str]) -> None:
    """Write each page as Markdown beside its HTML: ``store/`` and ``store.md``."""
    for path, text in pages.items():
        to = SITE / lang / path.with_name("index.md" if path.name == "README.md" else path.name)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, "utf-8")


def llms(words: dict[str, Any]) -> str:
    """Return the list of pages for programs that read: https://llmstxt.org."""
    lines = ["# haoma", "", f"> {words['en']['description']}", ""]
    for lang in ("en", "zh"):
        lines.append(f"## {words[lang]['language']}\n")
        for section in words[lang]["nav"]:
            for name in section["pages"]:
                to = name.replace("README.md", "index.md")
                text = (SITE / lang / to).read_text("utf-8")
                lines.append(f"- [{title(text)}]({lang}/{to})")
        lines.append("")
    return "\n".join(lines)


def landing(words: dict[str, Any]) -> None:
    """Write the landing page in both languages: Chinese first."""
    template = (LOOK / "landing.html").read_text("utf-8")
    for lang, name in (("zh", "index.html"), ("en", "en.html")):
        said = {**words[lang]["landing"], "lang": LANGUAGES[lang]}
        page = re.sub(r"\{\{(\w+)\}\}", lambda found, said=said: escape(said[found[1]], quote=False), template)  # type: ignore[misc]
        (SITE / name).write_text(page.replace("\\n", "<br>"), "utf-8")
    for each in look():
        shutil.copy(each, SITE / each.name)


# --- what must hold ---


class _Loads(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads."""
        said = dict(attrs)
        if tag in {"script", "img", "iframe", "source"}:
            self.found.append(said.get("src") or "")
        elif tag == "link" and said.get("rel") not in {"canonical", "alternate", "prev", "next"}:
            self.found.append(said.get("href") or "")


def check() -> None:
    """No page loads anything from another host, and what it loads is there."""
    for page in SITE.rglob("*.html"):
        loads = _Loads()
        loads.feed(page.read_text("utf-8"))
        for each in filter(None, loads.found):
            if re.match(r"(?:[a-z]+:)?//", each):
                raise SystemExit(f"{page.relative_to(SITE)} loads {each}")
            to = (page.parent / each.partition("?")[0].partition("#")[0]).resolve()
            if not each.startswith(("/", "data:")) and not to.exists():
                raise SystemExit(f"{page.relative_to(SITE)} loads {each}, which is not there")


if __name__ == "__main__":
    main()
