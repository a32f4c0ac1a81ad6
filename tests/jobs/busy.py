"""A process to be killed: submits, moves and runs jobs without end, and says on stdout what it was told is safe.

python -m tests.jobs.busy OUTPUTS
"""

from __future__ import annotations

import json
import random
import sys
import threading
from pathlib import Path

from modules.jobs.queue import Queue
from modules.jobs.store import Store
from modules.jobs.worker import Worker
from tests.jobs.conftest import small
from tests.jobs.drawing import Drawing


def say(what: str, **more: object) -> None:
    sys.stdout.write(json.dumps({"what": what, **more}) + "\n")
    sys.stdout.flush()


def watch(queue: Queue) -> None:
    """Says each picture as an observer sees it."""
    known: dict[str, int] = {}
    version = -1
    while True:
        version = queue.wait(version)
        for id in [*known, *(job.id for job in queue.jobs())]:
            pictures = queue.get(id).pictures
            for picture in pictures[known.get(id, 0) :]:
                say("picture", job=id, path=picture.path, sha256=picture.sha256)
            known[id] = len(pictures)


def main() -> None:
    outputs = Path(sys.argv[1])
    queue = Queue(Store(outputs / "history.db"))
    say("order", ids=[job.id for job in queue.jobs()], notes=queue.notes)
    threading.Thread(target=watch, args=(queue,), daemon=True).start()
    Worker(queue, lambda: Drawing(outputs)).start()
    while True:
        waiting = [job.id for job in queue.jobs()[1:]]
        if len(waiting) > 8 and random.random() < 0.5:
            chosen, place = random.choice(waiting[4:]), random.randrange(4, len(waiting))
            say("moving", id=chosen)
            queue.move(chosen, place)
        elif len(waiting) < 20:
            say("submitting")
            queue.submit(small(count=2, steps=2))
        else:
            queue.wait(queue.version, 0.01)
            continue
        say("order", ids=[job.id for job in queue.jobs()])


if __name__ == "__main__":
    main()
