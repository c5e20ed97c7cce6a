"""Simulated platforms over real HTTP, with named scenes: for tests, for experiments and for the demo."""

from haoma.platforms.base.mirroring import Person, Tap
from haoma.simulator.running import LISTEN, Simulator, serve
from haoma.simulator.stage import UnknownScene

__all__ = ["LISTEN", "Person", "Simulator", "Tap", "UnknownScene", "serve"]
