"""Writes the results as pages, in both languages."""

from __future__ import annotations

import platform
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from conformance.running import ROOT, VERDICTS, Case, Outcome

GROUPS = {
    "genuine": ("genuine: the number has to come out", "真实授权：必须得出号码"),
    "unproven": (
        "unproven: unsigned, in clear text, signed by somebody else, tampered with",
        "未经证明：无签名、明文、他人签名、被篡改",
    ),
    "foreign": ("foreign: of another app, key, login or message", "张冠李戴：属于别的应用、密钥、登录或消息"),
    "refused": ("refused: the platform or the user said no", "平台或用户已拒绝"),
    "stale": ("stale: a time far from now, or none that can be read", "过期：时间与当前相差甚远，或无法读出"),
    "damaged": ("damaged: bits, padding, frame, text", "损坏：比特、填充、帧、文本"),
    "ambiguous": (
        "ambiguous: two readers, two answers; no number at all",
        "歧义：不同解析器得出不同结果，或根本不是号码",
    ),
    "strictness": (
        "strictness: matters of form, in which only another number or reading is wrong",
        "宽严：形式问题，只有得出别的号码或别的读法才算错",
    ),
}
HEADINGS_ZH = {
    "accepted wrongly": "误收", "refused wrongly": "误拒", "crashed": "崩溃", "unsupported": "不支持", "right": "正确",
    "lenient": "从宽", "strict": "从严",
}  # fmt: skip


def page(outcomes: list[Outcome], *, zh: bool = False) -> str:
    """Return the page."""
    chosen = [case for case, _ in outcomes[0].verdicts]
    must_fail = sum("refuse" in case["expect"] for case in chosen)
    either = sum("either" in case["expect"] for case in chosen)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    here = f"Python {platform.python_version()}{_node()}"
    if zh:
        head = f"共 {len(chosen)} 个用例，其中 {must_fail} 个必须被拒绝，{either} 个接受与拒绝皆可。"
        lines = [
            "# 一致性测试结果",
            "",
            "[English](conformance.md)",
            "",
            head,
            f"测量于 {today}（UTC），{here}，{_machine()}。",
            "",
            "本页由 `python -m conformance run --all --install --write docs/conformance.md` 写成，数字全部来自实测：",
            "程序退出、20 秒无回答或回答不合协议都算崩溃。",
            "用例与协议见 [conformance/](../conformance/README.zh-CN.md)。",
            "",
        ]
    else:
        lines = [
            "# Conformance, measured",
            "",
            "[中文](conformance.zh-CN.md)",
            "",
            f"{len(chosen)} cases, of which {must_fail} have to be refused, and {either} may be taken or refused.",
            f"Measured on {today} (UTC) with {here}, {_machine()}.",
            "",
            "Written by `python -m conformance run --all --install --write docs/conformance.md`; nothing is",
            "typed in. A program that dies, is silent for 20 seconds or answers something else has crashed.",
            "Cases and protocol: [conformance/](../conformance/README.md).",
            "",
        ]
    parts = (
        _totals(outcomes, zh=zh),
        _by_way(outcomes, zh=zh),
        _by_group(outcomes, zh=zh),
        _cases(chosen, zh=zh),
        _notes(zh=zh),
    )
    for part in (*parts, _worst(outcomes, zh=zh)):
        lines += [*part, ""]
    return "\n".join(lines).rstrip() + "\n"


def _totals(outcomes: list[Outcome], *, zh: bool) -> list[str]:
    headings = [HEADINGS_ZH[name] if zh else name for name in VERDICTS]
    lines = [
        _row(["实现" if zh else "implementation", "版本" if zh else "version", *headings]),
        _rule(2 + len(headings)),
    ]
    for each in outcomes:
        counts = [str(each.count(name)) for name in VERDICTS]
        lines.append(_row([each.adapter.name, each.version, *counts]))
    return lines


def _by_way(outcomes: list[Outcome], *, zh: bool) -> list[str]:
    """Return what each gets right of each way, and why it does not offer to read requests."""
    title = "按方式：没有出错的 / 能回答的" if zh else "By way: without a fault, of those it could answer"
    absent = "不提供" if zh else "not offered"
    lines = [f"## {title}", "", _row(["方式" if zh else "way", *(each.adapter.name for each in outcomes)])]
    lines.append(_rule(1 + len(outcomes)))
    for way in outcomes[0].ways():
        cells = []
        for each in outcomes:
            said = [verdict for case, verdict in each.verdicts if case["way"] == way and verdict != "unsupported"]
            good = sum(verdict not in VERDICTS[:3] for verdict in said)
            cells.append(f"{good} / {len(said)}" if said else absent)
        lines.append(_row([f"`{way}`", *cells]))
    reasons = [(each.adapter.name, each.adapter.no_request[zh]) for each in outcomes if each.adapter.no_request[zh]]
    if reasons:
        head = (
            "没有函数读取前端请求的实现，以及原因："
            if zh
            else "Who has no function that reads a front end's request, and why:"
        )
        lines += ["", head, "", *(f"- **{name}**{'：' if zh else ': '}{why}" for name, why in reasons)]
    return lines


def _by_group(outcomes: list[Outcome], *, zh: bool) -> list[str]:
    title = (
        "误收，按错误种类（误收数 / 能回答的用例数）"
        if zh
        else "Accepted wrongly, by what is wrong (of those it could answer)"
    )
    lines = [f"## {title}", "", _row(["种类" if zh else "what is wrong", *(each.adapter.name for each in outcomes)])]
    lines.append(_rule(1 + len(outcomes)))
    for group, words in GROUPS.items():
        cells = [_share(each.count("accepted wrongly", group), each.asked(group)) for each in outcomes]
        lines.append(_row([words[zh], *cells]))
    return lines


def _share(count: int, asked: int) -> str:
    return f"{count} / {asked}" if asked else "–"


def _cases(chosen: list[Case], *, zh: bool) -> list[str]:
    title = "用例" if zh else "The cases"
    counts = Counter((case["platform"], case["way"]) for case in chosen)
    failing = Counter((case["platform"], case["way"]) for case in chosen if "refuse" in case["expect"])
    heads = ["平台", "方式", "用例", "必须拒绝"] if zh else ["platform", "way", "cases", "to be refused"]
    rows = [_row([*pair, str(count), str(failing[pair])]) for pair, count in sorted(counts.items())]
    return [f"## {title}", "", _row(heads), _rule(4), *rows]


def _notes(*, zh: bool) -> list[str]:
    if zh:
        return [
            "## 怎样读这张表",
            "",
            "- 被评判的是「库 + 文档中最短的写法」（`conformance/adapters/`）：库没有的检查，适配器也不替它补上。",
            "- 崩溃即未被捕获、且不是库自己的异常或 `ValueError` 的错误：号码没有被放行，但服务会答 500。",
            "- 「从宽」「从严」：形式问题（JSON 数字的号码、base64 末位多余比特、平台没有写明的海外号码等），",
            "  唯一正确的号码就在其中，接受与拒绝都对，不计对错；只有得出别的号码才算误收。",
            "  haoma 自己的取舍，看用例名是否以 `_fail` 结尾。",
            "- `request` 评判前端请求的读法：哪个字段是登录，哪个是授权。给出号码却丢了一并提交的登录，算误收；",
            "  别的字段名、包装、表单等属于「宽严」，读与不读都对。haoma 经库与经 HTTP 服务各评判一次，结果相同；",
            "  地址里的内容只有服务看得到。",
            "- 「不提供」：该实现没有做这件事的函数；一个用例都不回答，因此不计。",
            "- 每个用例独立评判、没有状态，因此重放、与登录的绑定、一次性使用不在评判之列：",
            "  那要靠服务端自己记住。",
            "- 轻重不同：`unproven` 与 `foreign` 的用例，大多只要控制前端就能造出；",
            "  支付宝签过名的内容、平台的响应里的 `damaged`、`ambiguous`，要平台自己出错才会发生；",
            "  session_key 的密文没有完整性保护，三者都可能来自攻击者。",
            "- 平台没有规定水印的有效期；`stale` 的用例相差一天以上；推送与响应自带的时间戳则相差一小时。",
            "- 库的职责有大有小：「不支持」不是缺点，只说明该库不做这件事。",
            "- python-alipay-sdk 3.4.0 与 PyPI 上的 alipay-sdk 2.0.1 没有解密函数，因此不在表中。",
            "- 用例由 haoma 的作者编写：haoma 全对不足为奇，表的用处在于别的实现，以及其他作者提出的反例。",
        ]
    return [
        "## How to read this",
        "",
        "- Judged is the library with the shortest glue that its documentation shows (`conformance/adapters/`): a",
        "  check that the library does not have is not added for it.",
        "- A crash is an error that is neither one of the library's own nor a `ValueError`: no number got through, but",
        "  a service answers 500.",
        "- `lenient` and `strict` are of matters of form: a number that is a JSON number, spare bits of base64, a form",
        "  abroad that the platform does not document. The one right number is in it, so that to take it and to refuse",
        "  it are both right, and count for nothing; only another number is accepted wrongly. What haoma does is in",
        "  the name: `_fail` is refused.",
        "- `request` is about how the request of a front end is read: which field is the login, which the",
        "  authorization. A number without the login that was sent along is accepted wrongly; other names, objects",
        "  around it and forms are matters of form, to be read or refused. haoma is judged as a library and as a",
        "  service over HTTP, with the same results; what is in an address only the service sees.",
        "- `not offered`: the implementation has no function for this. It answers none of the cases, and none counts.",
        "- Each case stands alone, without state. So replay, the binding to a login and one-time use are not judged:",
        "  for these a server has to remember something.",
        "- They do not weigh the same. Most `unproven` and `foreign` cases take no more than a front end; `damaged`",
        "  and `ambiguous` content in a signed envelope or in a platform's reply takes a platform that errs; a",
        "  ciphertext under a session_key has no integrity, so there all three may come from an attacker.",
        "- No platform says how long a watermark is good for; the `stale` cases are a day and more off; of a push's",
        "  or a reply's own timestamp it is an hour.",
        "- Libraries differ in what they are for: `unsupported` is no fault; it says that this is not its job.",
        "- python-alipay-sdk 3.4.0 and alipay-sdk (PyPI) 2.0.1 have no function that decrypts, so they are not in the",
        "  table.",
        "- The cases were written by the authors of haoma, so it is no wonder that haoma gets them right. The table",
        "  is of use for others, and for counter-examples.",
    ]


def _worst(outcomes: list[Outcome], *, zh: bool) -> list[str]:
    lines = ["## 被误收的用例" if zh else "## Cases that were accepted wrongly", ""]
    for each in outcomes:
        names = [f"`{case['name']}`" for case, said in each.verdicts if said == "accepted wrongly"]
        none = "无" if zh else "none"
        lines += [
            f"**{each.adapter.name}** ({each.adapter.what_zh if zh else each.adapter.what})",
            "",
            ", ".join(names) or none,
            "",
        ]
    return lines


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns


def _node() -> str:
    try:
        done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    except OSError:
        return ""
    return f", Node {done.stdout.strip().removeprefix('v')}"


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def write(outcomes: list[Outcome], target: Path) -> None:
    """Write the page, and its Chinese version."""
    target = ROOT / target
    target.write_text(page(outcomes), "utf-8")
    target.with_suffix(".zh-CN.md").write_text(page(outcomes, zh=True), "utf-8")
