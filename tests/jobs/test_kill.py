"""kill -9 at random moments: every file under a final name is whole, every acknowledged picture is there, and the queue is as it was."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from modules.core.files import sweep
from modules.jobs.job import State
from modules.jobs.queue import Queue
from modules.jobs.store import Store
from modules.jobs.worker import Worker
from tests.conftest import PROJECT
from tests.jobs.conftest import until
from tests.jobs.drawing import Drawing

ROUNDS = 10


def test_ten_kills(outputs: Path) -> None:
    submitted: set[str] = set()
    pictures: dict[str, str] = {}
    for _ in range(ROUNDS):
        said = killed(outputs)
        orders = [line["ids"] for line in said if line["what"] == "order"]
        assert not said[0]["notes"], "the history opened as it should"
        submitted.update(*orders)
        acknowledged = {line["path"]: line["sha256"] for line in said if line["what"] == "picture"}
        pictures |= acknowledged
        check_files(outputs, pictures)
        store = Store(outputs / "history.db")
        with_rows = {picture.path for picture in store.pictures(500)}
        assert set(acknowledged) <= with_rows
        waiting = [job.id for job in store.take_over(resume=True)]
        check_order(waiting, orders[-1], said)
        for id in submitted:
            assert (store.job(id).state is State.QUEUED) == (id in waiting)
            assert store.job(id).state is not State.RUNNING
        store.close()
    assert len(pictures) > ROUNDS, "the children were alive long enough to be worth killing"

    queue = Queue(Store(outputs / "history.db"))
    worker = Worker(queue, lambda: Drawing(outputs))
    left = [job.id for job in queue.jobs()]
    worker.start()
    until(queue, lambda: not queue.jobs())
    assert all(queue.get(id).state is State.DONE for id in left), "what waited runs"
    assert worker.stop()
    queue.close()
    sweep(outputs)
    assert not list(outputs.rglob(".easel-*")), "nothing of the dead is left"


def killed(outputs: Path) -> list[dict[str, Any]]:
    """What a busy process said until it was killed at some moment."""
    child = subprocess.Popen([sys.executable, "-m", "tests.jobs.busy", str(outputs)], cwd=PROJECT, stdout=subprocess.PIPE)
    assert child.stdout
    first = child.stdout.readline()
    time.sleep(random.uniform(0, 0.4))
    child.kill()
    lines = (first + child.stdout.read()).splitlines(keepends=True)
    child.stdout.close()
    child.wait(60)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def check_files(outputs: Path, pictures: dict[str, str]) -> None:
    for file in outputs.rglob("*.png"):
        with Image.open(file) as image:
            image.load()
    for path, sha256 in pictures.items():
        assert hashlib.sha256((outputs / path).read_bytes()).hexdigest() == sha256


def check_order(waiting: list[str], last: list[str], said: list[dict[str, Any]]) -> None:
    """The queue is what was last said of it, less those at its front that ran since, give or take the one change that was under way."""
    under_way: dict[str, Any] = next((line for line in reversed(said) if line["what"] != "picture"), {})
    moved = under_way.get("id") if under_way["what"] == "moving" else None
    expected = [id for id in last if id != moved]
    known = [id for id in waiting if id in expected]
    assert known == expected[len(expected) - len(known) :]
    new = [id for id in waiting if id not in last]
    assert len(new) <= (under_way["what"] == "submitting")
    assert new == waiting[len(waiting) - len(new) :]
