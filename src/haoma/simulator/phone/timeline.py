"""The timeline of a run: sealed, sent, checked, came out, means.

What is shown was sent and received, or is in the operator's log of our own service. What is not known is shown as
unknown. Nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import catalogue
from haoma.catalogue import Who
from haoma.errors import BY_CODE, CannotOpen
from haoma.platforms.registry import PLATFORMS
from haoma.simulator.phone.code import codes_of
from haoma.simulator.showing import masked, shown
from haoma.verified import CheckName
from haoma.words import entries, text
from haoma.words.facts import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.simulator.phone.runs import Run, Sent
    from haoma.simulator.phone.service import Target
    from haoma.simulator.stage import Stage

IDLE, NOW, OK, NO, FIX, UNK = "idle", "now", "ok", "no", "fix", "unk"
_BOTH: Final = 2
_SEALED: Final = "sealed"
_STOPS: Final = ("sealed", "sent", "checked", "came", "means")


def outcome(code: str, who: Who) -> str:
    """Return how an outcome is shown: ``ok``, ``no``, ``fix`` or ``unk``."""
    if code == "ok":
        return OK
    if code.startswith("outside."):
        return UNK
    return FIX if who is Who.DEVELOPER else NO


def steps_of(platform: str, lang: str) -> dict[str, list[dict[str, Any]]]:
    """Return the steps of each way of a platform, with the numbers of its ``flow.py``, ``verify.py`` and so on."""
    found: dict[str, list[dict[str, Any]]] = {}
    for key, entry in entries(f"platforms/{platform}").items():
        kind, _, rest = key.partition(".")
        if kind == "steps":
            way, _, number = rest.partition(".")
            found.setdefault(way, []).append({"n": int(number), "text": entry["zh" if lang == "zh" else "en"]})
    return found


def timeline(run: Run, stage: Stage, target: Target, base: str, lang: str) -> dict[str, Any]:
    """Return a run as the page shows it."""
    return _Timeline(run, stage, target, base, lang).whole()


class _Timeline:
    def __init__(self, run: Run, stage: Stage, target: Target, base: str, lang: str) -> None:
        self._run = run
        self._stage = stage
        self._target = target
        self._base = base
        self._lang = lang
        self._sent = _last(run.sent, target)
        self._answer = _object(self._sent.answer) if self._sent else {}
        self._line = (self._sent.line if self._sent else None) or {}

    def whole(self) -> dict[str, Any]:
        run, lang = self._run, self._lang
        code = self._code()
        state = self._state(code)
        stops = [self._stop(name, code, state) for name in _STOPS]
        return {
            "run": run.id,
            "platform": run.platform,
            "app": run.scene.app,
            "user": run.user,
            "scene": {"name": run.scene.name, "line": run.scene.line(run.platform, lang), "expect": run.scene.expect},
            "state": state,
            "at": run.moments.get("tap"),
            "ms": self._ms(self._sent.ended) if self._sent else None,
            "failed": run.tap.failed if run.tap else False,
            "tapped": run.tap is not None,
            "stops": stops,
            "code": codes_of(run, self._stage, self._target, self._base, code, lang),
        }

    def _code(self) -> str:
        """Return ``ok``, the precise code of the outcome, or nothing if there is none or nobody knows it."""
        run = self._run
        if self._sent is None:
            return run.refused.code if run.refused else ""
        if self._sent.status == 200 and "code" not in self._answer:
            return "ok"
        return str(self._line.get("code") or self._precise())

    def _precise(self) -> str:
        """Return the code of the answer, if it is a precise one. Callers with a server key get those."""
        code = str(self._answer.get("code", ""))
        return code if code in BY_CODE else ""

    def _state(self, code: str) -> str:
        if code:
            return outcome(code, self._words(code).who)
        if self._sent is None:
            return NOW
        if self._sent.ended == 0.0:
            return NOW
        return UNK if self._sent.status == 0 else NO

    def _ms(self, moment: float) -> int | None:
        return round((moment - self._run.tapped) * 1000) if moment and self._run.tapped else None

    # --- the stops

    def _stop(self, name: str, code: str, state: str) -> dict[str, Any]:
        match name:
            case "sealed":
                title = text("phone", "stop.sealed", self._lang, platform=self._title())
                return {"id": name, "title": title, **self._sealed(state)}
            case "sent":
                return {"id": name, "title": text("phone", "stop.sent", self._lang), **self._was_sent(state)}
            case "checked":
                return {"id": name, "title": text("phone", "stop.checked", self._lang), **self._checked(code, state)}
            case "came":
                return {"id": name, "title": text("phone", "stop.came", self._lang), **self._came(code, state)}
        return {"id": name, "title": text("phone", "stop.means", self._lang), **self._means(code, state)}

    def _title(self) -> str:
        entry = entries(f"platforms/{self._run.platform}")["title"]
        return entry["zh" if self._lang == "zh" else "en"]

    def _sealed(self, state: str) -> dict[str, Any]:
        tap = self._run.tap
        if tap is None:
            return {"state": NOW, "ms": None, "text": "", "wire": None}
        seals = entries(f"platforms/{self._run.platform}").get(f"seals.{self._way_of(tap.event)}", {})
        given = seals.get("zh" if self._lang == "zh" else "en", "")
        says = text("phone", "says.failed", self._lang) if tap.failed else given
        wire = {"head": "", "body": shown(tap.event)}
        return {"state": state if tap.failed else OK, "ms": 0, "text": says, "wire": wire}

    def _was_sent(self, state: str) -> dict[str, Any]:
        sent = self._sent
        if sent is None:
            failed = self._run.tap is not None and self._run.tap.failed
            says = text("phone", "says.not-sent", self._lang) if failed else ""
            return {"state": IDLE if failed or self._run.tap is None else NOW, "ms": None, "text": says, "wire": None}
        says = text("phone", "says.altered", self._lang) if sent.altered else ""
        wire = {"head": f"{sent.method} {sent.path}", "body": shown(_object(sent.body) or sent.body)}
        is_wrong = sent.altered and state != OK
        return {"state": FIX if is_wrong else OK, "ms": self._ms(sent.began), "text": says, "wire": wire}

    def _checked(self, code: str, state: str) -> dict[str, Any]:
        sent = self._sent
        way = self._way_of(_object(sent.body) if sent else self._run.tap.event if self._run.tap else {})
        if sent is None:
            return {
                "state": IDLE,
                "ms": None,
                "text": "",
                "way": way,
                "request_id": "",
                "steps": self._steps(way, IDLE),
            }
        found = {"way": way, "ms": self._ms(sent.began), "request_id": sent.request_id}
        if sent.ended and not self._line:
            theirs = text("phone", "says.unknown-log", self._lang)
            unread = text("phone", "says.no-line", self._lang)
            says = unread if self._target.own else theirs
            return {"state": UNK, "text": says, **found, "steps": self._steps(way, UNK)}
        failing = int(self._line.get("step", 0))
        if failing or code in ("ok", ""):
            steps = self._steps(way, OK if code == "ok" else IDLE, failing, state, self._reason(code))
            return {"state": state, "text": "", **found, "steps": steps}
        if state == UNK:
            return {"state": state, "text": self._reason(code), **found, "steps": self._steps(way, UNK)}
        says = text("phone", "says.before", self._lang)
        return {"state": state, "text": says, **found, "steps": self._steps(way, IDLE)}

    def _steps(
        self, way: str, others: str, failing: int = 0, state: str = "", reason: str = ""
    ) -> list[dict[str, Any]]:
        """Return the steps of a way. Those before the failing one were passed; those after it, nobody has reached."""
        found = []
        for step in steps_of(self._run.platform, self._lang).get(way, []):
            is_failing = step["n"] == failing
            shown = state if is_failing else OK if step["n"] < failing else others
            found.append({**step, "state": shown, "reason": reason if is_failing else ""})
        return found

    def _way_of(self, given: Mapping[str, Any]) -> str:
        """Return the way that an authorization takes. If it holds a code and sealed data, the outcome tells."""
        ways = steps_of(self._run.platform, self._lang)
        if self._run.scene.way:
            return self._run.scene.way
        if _SEALED not in ways or len(ways) < _BOTH:
            return next(iter(ways), "")
        inner = given.get("authorization")
        authorization = inner if isinstance(inner, dict) else given
        is_sealed = "code" not in authorization
        if self._line.get("code") == CannotOpen.code:
            is_sealed = is_sealed or self._line.get("step") == len(ways[_SEALED])
        proven = [(each.get("name"), each.get("how")) for each in _listed(self._answer.get("checks"))]
        for method in PLATFORMS[self._run.platform].methods if proven else ():
            if [(str(check.name), check.how) for check in method.checks] == proven:
                is_sealed = method.name.startswith(_SEALED)
        return _SEALED if is_sealed else next(way for way in ways if way != _SEALED)

    def _reason(self, code: str) -> str:
        diagnosis = self._line.get("diagnosis")
        title = self._words(code).title if code not in ("ok", "") else ""
        return f"{title} ({masked(phrase(diagnosis, self._lang))})" if diagnosis else title

    def _came(self, code: str, state: str) -> dict[str, Any]:
        sent = self._sent
        found: dict[str, Any] = {
            "state": IDLE, "ms": None, "text": "", "status": None, "masked": "", "code": "",
            "public_code": "", "next": "", "checks": [],
        }  # fmt: skip
        if sent is None and not code:
            return found
        found |= {"state": state, "code": "" if code == "ok" else code}
        if sent is None:
            return found
        if sent.trouble:
            found["text"] = text("phone", "says.no-answer", self._lang, reason=sent.trouble)
        answer = self._answer
        return found | {
            "ms": self._ms(sent.ended),
            "status": sent.status or None,
            "masked": str(answer.get("masked", "")) if code == "ok" else "",
            "public_code": str(answer.get("code", "")),
            "next": str(answer.get("next", "")),
            "checks": self._checks(answer.get("checks")) if code == "ok" else [],
        }

    def _checks(self, checks: object) -> list[dict[str, Any]]:
        known = {each.get("name"): each for each in _listed(checks)}
        return [
            {
                "name": str(name),
                "label": phrase(str(name), self._lang),
                "proven": bool(known[name].get("proven")),
                "how": phrase(known[name].get("how", ""), self._lang),
            }
            for name in CheckName
            if name in known
        ]

    def _means(self, code: str, state: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "state": IDLE, "ms": None, "text": "", "heading": "", "cause": "", "remedy": "", "see": "", "page": "",
            "who": "", "who_label": "",
        }  # fmt: skip
        if not code:
            return found | self._told_by_them(state)
        if code == "ok":
            missing = sum(not each["proven"] for each in self._checks(self._answer.get("checks")))
            all_proven = text("phone", "means.all", self._lang)
            return found | {
                "state": OK,
                "text": text("phone", "means.some", self._lang, count=missing) if missing else all_proven,
            }
        words = self._words(code)
        return found | {
            "state": state,
            "heading": words.title,
            "cause": words.cause,
            "remedy": words.remedy,
            "see": words.see,
            "page": words.page,
            "who": str(words.who),
            "who_label": text("problem", f"who.{words.who}", self._lang),
        }

    def _told_by_them(self, state: str) -> dict[str, str]:
        """Return what the answer itself says, if no precise code is known."""
        answer = self._answer
        if self._sent is None or not answer.get("title"):
            return {}
        told = {"heading": "title", "cause": "detail", "remedy": "remedy"}
        return {"state": state} | {name: masked(str(answer.get(key, ""))) for name, key in told.items()}

    def _words(self, code: str) -> catalogue.Words:
        if self._sent is None and self._run.refused is not None:
            return self._run.refused.explain(self._lang)
        native, _, sub = str(self._line.get("platform_code", "")).partition("/")
        place = str(self._line.get("place", ""))
        return catalogue.words(code, self._lang, platform=self._run.platform, native=native, sub=sub, place=place)


def _last(sent: list[Sent], target: Target) -> Sent | None:
    """Return the last request for a number; the last one of any kind if there is none."""
    ends = target.path.rpartition("/")[2]
    for each in reversed(sent):
        if each.path.rpartition("/")[2] == ends:
            return each
    return sent[-1] if sent else None


def _listed(checks: object) -> list[dict[str, Any]]:
    return [each for each in checks if isinstance(each, dict)] if isinstance(checks, list) else []


def _object(told: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(told, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
