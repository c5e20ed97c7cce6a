"""The variable for shared metrics, in its own module so that importing it does not import the Prometheus client."""

from __future__ import annotations

from typing import Final

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the directory where several workers store their metrics. The Prometheus client reads it
when it is imported, so it must be set before that."""
