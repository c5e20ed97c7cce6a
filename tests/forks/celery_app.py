"""The same client in a celery worker with its default pool, which forks."""

from __future__ import annotations

import os

import app as back_end
from celery import Celery

_folder = os.environ["BROKER"]
celery = Celery(broker="filesystem://", backend=f"file://{_folder}/results")
celery.conf.broker_transport_options = {
    "data_folder_in": f"{_folder}/messages",
    "data_folder_out": f"{_folder}/messages",
    "control_folder": f"{_folder}/control",
}


@celery.task  # type: ignore[untyped-decorator]
def ask(code: str) -> list[object]:
    """Return who answered, and the number."""
    return [os.getpid(), back_end.ask(code)]
