"""The problem object: everything for whoever may see it, and one face for whoever may not."""

import json

import pytest

from haoma.errors import BY_CODE, HaomaError, Next, Public
from haoma.problem import problem
from haoma.words import LANGUAGES, text

ERRORS = [cls for code, cls in BY_CODE.items() if code != "config.faults"]
FULL = {
    "platform": "wechat", "app": "shop", "step": 4, "because": {"age": 7, "where": {"a"}}, "diagnosis": "bad padding",
    "platform_code": "40029", "platform_sub_code": "sub", "platform_message": "invalid code", "request_id": "r-1",
}  # fmt: skip


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.code)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_operators_face(cls, lang):
    """Every error becomes plain JSON with its words and facts; the diagnosis stays in the log."""
    found = problem(cls(**FULL), lang, request_id="ours")
    words = cls(**FULL).explain(lang)
    assert json.loads(json.dumps(found)) == found
    assert (found["type"], found["code"], found["status"]) == (f"/errors/{cls.code}", cls.code, cls.status)
    assert (found["title"], found["detail"], found["remedy"]) == (words.title, words.cause, words.remedy)
    assert (found["request_id"], found["platform_request_id"]) == ("ours", "r-1")
    assert found["who"] == words.who
    assert found["because"] == {"age": 7, "where": "{'a'}"}
    assert "bad padding" not in str(found)


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.code)
def test_the_public_face(cls):
    """An anonymous caller sees a short code and a phrase, and nothing of what is behind them."""
    found = problem(cls(**FULL), "zh", request_id="ours", anonymous=True)
    assert found.keys() == {"type", "title", "status", "code", "next", "retry", "request_id"}
    assert (found["type"], found["code"], found["title"]) == (
        "about:blank",
        cls.public_code,
        text("problem", cls.public_code, "zh"),
    )
    assert cls.code not in str(found)


def test_what_cannot_be_believed_has_one_public_face():
    """Whether it did not open, or opened and was another app's, cannot be told apart from outside."""
    faces = {json.dumps(problem(cls(), anonymous=True)) for cls in ERRORS if cls.public_code is Public.NOT_VERIFIED}
    assert len(faces) == 1
    assert json.loads(faces.pop())["next"] == Next.ASK_AGAIN


def test_every_public_code_has_phrases():
    """Every public code has a phrase in both languages, and no two are the same."""
    for lang in LANGUAGES:
        assert len({text("problem", code, lang) for code in Public}) == len(Public)


def test_what_a_refusal_says_of_itself_goes_first():
    """An error that was told otherwise than its class is shown as it is."""
    error = BY_CODE["platform.busy"]()
    error.next_action, error.retry = Next.ASK_AGAIN, False
    found = problem(error)
    assert (found["next"], found["retry"]) == ("ask-again", False)
    assert isinstance(error, HaomaError)
    assert "because" not in found
    assert "request_id" not in found
