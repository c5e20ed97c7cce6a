"""Which framework a mini program is written in: that decides how an event is spelt, so it is asked first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from haoma.doctor.mini_program.sources import PAGES, VUE, Source
from haoma.doctor.platforms import all_symptoms
from haoma.platforms.registry import PLATFORMS

_NOT_UNDERSTOOD: Final = {
    "mpvue": r"[\"']mpvue(?:-loader|-entry)?[\"']", "Remax": r"[\"']@?remax(?:/\w+|-[\w-]+)?[\"']",
    "WePY": r"[\"'](?:wepy(?:-[\w-]+)?|@wepy/[\w-]+)[\"']", "Rax": r"[\"'](?:rax|rax-[\w-]+|@rax/[\w-]+)[\"']",
    "kbone": r"[\"'](?:kbone[\w-]*|mp-webpack-plugin|miniprogram-render|miniprogram-element)[\"']",
    "Megalo": r"[\"'](?:megalo|@megalo/[\w-]+)[\"']", "Chameleon": r"[\"']chameleon(?:-[\w-]+)?[\"']",
    "Mpx": r"[\"']@mpxjs/[\w-]+[\"']",
}  # fmt: skip
"""Frameworks that are recognised and not understood, by what names them in package.json."""
_FILES: Final = {".wpy": "WePY", ".mpx": "Mpx"}
_OF_VUE: Final = re.compile(r"\bfrom\s*[\"']vue[\"'/]|\brequire\(\s*[\"']vue[\"']|\bdefineComponent\s*\(")
_OF_REACT: Final = re.compile(r"\bfrom\s*[\"']p?react[\"'/]|\brequire\(\s*[\"']p?react[\"']")
_VUE: Final = r"plugin-framework-vue|[\"']?framework[\"']?\s*:\s*[\"']vue|[\"']vue[\"']\s*:\s*[\"']"
_REACT: Final = r"plugin-framework-react|[\"']?framework[\"']?\s*:\s*[\"']p?react|[\"']p?react[\"']\s*:\s*[\"']"
_VUE2: Final = r"plugin-framework-vue2|[\"']?framework[\"']?\s*:\s*[\"']vue[\"']|[\"']vue[\"']\s*:\s*[\"'][\^~>=\s]*2\b"
OWN_BUTTON: Final = re.compile("|".join(each.own_button for _name, each in all_symptoms() if each.own_button))
"""What shows that something is built for a platform whose button is ``getAuthorize``."""
_OWN: Final = {name: each for name, each in all_symptoms() if each.own_button}


@dataclass(frozen=True)
class Framework:
    """What the files of a mini program say about its frameworks and platforms.

    Attributes:
        sources: The files.
        platforms: The platforms of the configured apps; empty if there is no configuration.
    """

    sources: Sequence[Source]
    platforms: frozenset[str] = frozenset()

    def _says(self, pattern: str) -> bool:
        found = re.compile(pattern)
        return any(found.search(source.text) for source in self.sources)

    @cached_property
    def _packages(self) -> Sequence[Source]:
        return [source for source in self.sources if source.path.rpartition("/")[2] == "package.json"]

    @cached_property
    def is_taro(self) -> bool:
        """True if it uses Taro."""
        return self._says(r"@tarojs/")

    @cached_property
    def not_understood(self) -> Sequence[tuple[Source, str]]:
        """The frameworks that are recognised and not understood, with the package.json that names them."""
        return [
            (source, name)
            for source in self._packages
            for name, pattern in _NOT_UNDERSTOOD.items()
            if re.search(pattern, source.text)
        ] + [(source, name) for source in self.sources for name in (_FILES.get(source.suffix),) if name][:1]

    @cached_property
    def _used(self) -> frozenset[str]:
        """The frameworks that the project as a whole uses with Taro."""
        found = {"vue"} if self._says(_VUE) or any(each.suffix in VUE for each in self.sources) else set[str]()
        return frozenset(found | ({"react"} if self._says(_REACT) else set()))

    @cached_property
    def is_vue2(self) -> bool:
        """True if something shows that it uses Vue 2."""
        return self._says(_VUE2)

    def of(self, source: Source) -> str:
        """Return the framework of a file: ``native``, ``uni``, ``vue``, ``react``; ``taro`` if nothing shows which."""
        if source.suffix in PAGES:
            return "native"
        if not self.is_taro:
            return "uni" if source.suffix in VUE or not _OF_REACT.search(source.text) else "react"
        if source.suffix in VUE:
            return "vue"
        own = "vue" if _OF_VUE.search(source.text) else "react" if _OF_REACT.search(source.text) else ""
        return own or (next(iter(self._used)) if len(self._used) == 1 else "taro")

    @cached_property
    def for_authorize(self) -> bool:
        """True if something shows that it is also built for a platform whose button is ``getAuthorize``.

        The configuration decides if it has only others.
        """
        if self.platforms and not self.platforms & _OWN.keys():
            return False
        markup = {each.markup for each in _OWN.values()}
        return any(source.suffix in markup for source in self.sources) or self._says(OWN_BUTTON.pattern)

    def major(self, package: str) -> int:
        """Return the major version of a package that package.json asks for; 0 if it does not."""
        asked = re.compile(rf"[\"']{re.escape(package)}[\"']\s*:\s*[\"'][^\"'\d]*(\d+)")
        found = next((one for source in self._packages if (one := asked.search(source.text))), None)
        return int(found[1]) if found else 0

    def settings_of(self, source: Source) -> Iterator[Source]:
        """Yield the files that say which components a page uses: its own, and that of the app."""
        if source.suffix in PAGES:
            names = (f"{source.stem}.json", "app.json", "src/app.json", "miniprogram/app.json")
            yield from (self._by_path[name] for name in names if name in self._by_path)

    @cached_property
    def _by_path(self) -> Mapping[str, Source]:
        return {each.path: each for each in self.sources}

    def has_file(self, tag: str) -> bool:
        """Return whether a component of this name is a file of the program."""
        return tag in self._stems

    @cached_property
    def _stems(self) -> frozenset[str]:
        names = {each.stem.rpartition("/")[2] for each in self.sources if each.suffix in VUE | PAGES | {".tsx", ".jsx"}}
        return frozenset(names)

    @property
    def envelopes_only(self) -> bool:
        """True if every configured platform has a button of its own, which gives an envelope."""
        return bool(self.platforms) and self.platforms <= _OWN.keys()

    def gives_code(self, source: Source) -> bool:
        """Return whether the button may give a code on a platform that a file is built for."""
        own = [name for name, each in all_symptoms() if each.markup == source.suffix]
        names = own or list(self.platforms)
        return not names or any(PLATFORMS[name].phone_code for name in names)

    @cached_property
    def _by_stem(self) -> Mapping[str, Sequence[Source]]:
        found = defaultdict[str, list[Source]](list)
        for source in self.sources:
            found[source.stem].append(source)
        return found

    def beside(self, source: Source) -> Iterator[Source]:
        """Yield the other files of the page that a file belongs to."""
        yield from (each for each in self._by_stem[source.stem] if each is not source)
