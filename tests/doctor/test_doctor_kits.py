"""The table of UI kits: what each button passes on, as the documentation says it."""

from pathlib import Path

import pytest
from test_doctor_frontend import write

from haoma.doctor.mini_program.kits import Shape, kits
from haoma.doctor.mini_program.scan import scan

DOCS = Path(__file__).parents[2] / "docs"
WORDS = {
    "doctor.md": (
        "all that were read",
        {Shape.EVENT: "the event: `e.detail.code`", Shape.DETAIL: "the detail: `e.code`"},
    ),
    "doctor.zh-CN.md": ("读过的各版本", {Shape.EVENT: "事件：`e.detail.code`", Shape.DETAIL: "detail 本身：`e.code`"}),
}


def listed(values):
    return ", ".join("`" + each.replace("|", "\\|") + "`" for each in sorted(values)) or "–"


@pytest.mark.parametrize("page", WORDS)
def test_the_documentation_has_the_table(page):
    """Every row of ``kits.toml``, in its order, and no other."""
    every, shapes = WORDS[page]
    rows = [
        f"| {kit.name} | {', '.join(map(str, sorted(kit.majors))) or every} | {shapes[kit.shape]} | {listed(kit.forwards)} "
        f"| {listed(kit.loses)} | [{'/'.join(kit.source.split('/')[3:5])}]({kit.source}) |"
        for kit in kits()
    ]
    assert "\n".join(rows) in (DOCS / page).read_text("utf-8")


def test_every_row_has_a_source_and_says_something():
    for kit in kits():
        assert kit.source.startswith("https://github.com/")
        assert kit.forwards | kit.loses
        assert not kit.forwards & kit.loses


VUE = '<template>\n<{tag} open-type="{kind}" {event}="onPhone"/></template><script>export default {{ methods: {{ onPhone(e) {{ uni.request({{ url, method: \'POST\', data: {{ code: {code} }} }}) }} }} }}</script>'
WORK = {
    "wot hands over the detail": ("wot-design-uni", "wd-button", "getPhoneNumber", "@getphonenumber", "e.code"),
    "either way": ("wot-design-uni", "wd-button", "getPhoneNumber", "@getphonenumber", "(e.detail || e).code"),
    "uView gives the event": ("uview-ui", "u-button", "getPhoneNumber", "@getphonenumber", "e.detail.code"),
    "uview-plus gives the event": ("uview-plus", "up-button", "getPhoneNumber", "@getphonenumber", "e.detail.code"),
}
BREAK = {
    "wot is read as an event": ("wot-design-uni", "wd-button", "getPhoneNumber", "@getphonenumber", "e.detail.code"),
}
UNKNOWN = {
    "another kit": ("my-kit", "x-button", "getPhoneNumber", "@getphonenumber", "e.detail.code"),
    "another type": ("uview-ui", "u-button", "getRealtimePhoneNumber", "@getrealtimephonenumber", "e.detail.code"),
}


def codes(folder, package, tag, kind, event, code):
    page = VUE.format(tag=tag, kind=kind, event=event, code=code)
    files = {"package.json": f'{{"dependencies": {{"{package}": "^2.0.0"}}}}', "p.vue": page}
    return {each.code for each in scan(write(folder, files))}


@pytest.mark.parametrize("case", WORK.values(), ids=WORK)
def test_a_kit_that_works(case, tmp_path):
    assert codes(tmp_path, *case) == {"doctor.front-end-clean"}


@pytest.mark.parametrize("case", BREAK.values(), ids=BREAK)
def test_a_kit_that_is_used_wrongly(case, tmp_path):
    assert codes(tmp_path, *case) == {"doctor.button-of-a-kit"}


@pytest.mark.parametrize("case", UNKNOWN.values(), ids=UNKNOWN)
def test_a_kit_that_is_not_known(case, tmp_path):
    assert codes(tmp_path, *case) == {"doctor.kit-unknown"}
