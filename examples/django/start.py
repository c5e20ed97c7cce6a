"""Starts the shop with simulated platforms: ``python start.py``."""

import subprocess
import sys
from pathlib import Path

from haoma.simulator import Simulator

FOLDER = Path(__file__).parent


def main(port: str = "8000") -> int:
    """Start the simulator and Django's server, until Ctrl-C."""
    manage = [sys.executable, str(FOLDER / "manage.py")]
    listen = "127.0.0.1:8900" if port == "8000" else "127.0.0.1:0"
    with Simulator(listen, platforms=("wechat", "kuaishou", "alipay")) as simulator:
        simulator.write_config(FOLDER / "haoma.toml", accounts=True)
        subprocess.run([*manage, "migrate", "--skip-checks", "--verbosity", "0"], check=True)
        print(f"The shop: http://127.0.0.1:{port}  The phone: {simulator.url}", flush=True)
        try:
            return subprocess.run([*manage, "runserver", "--noreload", port], check=False).returncode
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
