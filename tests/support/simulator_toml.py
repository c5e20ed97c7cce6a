"""Parts of the simulator's haoma.toml."""

import re


def some_apps(simulator, *names):
    """Return the simulator's haoma.toml with the apps whose names begin so; each private key costs time to read.

    A bracket ends a whole name. The apps that are there for one code of WeChat's each are left out, unless named whole.
    """
    parts = re.split(r"(?m)^(?=\[)", simulator.settings_toml())
    whole = tuple(f"[apps.{name}" for name in names if name.endswith("]"))
    parts = [part for part in parts if not part.startswith("[apps.wechat-errcode-") or part.startswith(whole)]
    return "".join(
        part
        for part in parts
        if not part.startswith("[apps.") or part.startswith(tuple(f"[apps.{name}" for name in names))
    )
