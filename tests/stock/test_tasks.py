"""Tasks: one after the other in a lane, told of, cancelled at their next report, and an error said in words."""

from __future__ import annotations

import threading

import pytest

from modules.core.errors import InvalidRequest, NotFound
from modules.stock.tasks import LATELY, Task, Tasks

PATIENCE = 60.0


def ended(tasks: Tasks, task: Task) -> Task:
    for thread in threading.enumerate():
        if thread.name == f"easel-{task.kind}":
            thread.join(PATIENCE)
    return task


def test_work_is_done_one_after_the_other_and_told_of() -> None:
    tasks, gate, order = Tasks(), threading.Event(), []

    def first(task: Task) -> tuple[str, str]:
        task.report(0.5, "half")
        order.append("first")
        assert gate.wait(PATIENCE)
        return "made", "id"

    def second(task: Task) -> tuple[str, str]:
        order.append("second")
        return "", ""

    one, two = tasks.start("merge", "A", first, lane="disk"), tasks.start("merge", "B", second, lane="disk")
    gate.set()
    ended(tasks, one), ended(tasks, two)
    assert order in (["first", "second"], ["second", "first"])
    assert (one.state, one.said, one.made, one.share) == ("done", "made", "id", 1.0)
    assert [task.title for task in tasks.list()] == ["A", "B"]
    tasks.forget(one.id)
    assert [task.title for task in tasks.list()] == ["B"]


def test_a_task_ends_at_its_next_report_once_it_is_cancelled() -> None:
    tasks, begun = Tasks(), threading.Event()

    def work(task: Task) -> tuple[str, str]:
        begun.set()
        while True:
            task.report(0.1)

    task, waiting = tasks.start("merge", "A", work, lane="disk"), None
    assert begun.wait(PATIENCE)
    waiting = tasks.start("merge", "B", work, lane="disk")
    tasks.cancel(waiting.id)
    tasks.close()
    assert ended(tasks, task).state == ended(tasks, waiting).state == "cancelled"


def test_errors_are_told_in_words_and_faults_without_a_trace() -> None:
    tasks = Tasks()

    def refuse(task: Task) -> tuple[str, str]:
        raise InvalidRequest("No.", "Choose another.", "a")

    def stumble(task: Task) -> tuple[str, str]:
        raise ZeroDivisionError("secret")

    one, two = (ended(tasks, tasks.start(kind, "x", work)) for kind, work in (("refuse", refuse), ("stumble", stumble)))
    assert one.state == two.state == "failed" and one.error and two.error
    assert one.error["detail"] == "No." and "ZeroDivisionError" in two.error["detail"] and "secret" not in str(two.error)


def test_users_see_their_own_and_old_ones_are_forgotten() -> None:
    tasks = Tasks()
    mine = ended(tasks, tasks.start("k", "mine", lambda task: ("", ""), owner="ann"))
    assert tasks.list("bob") == [] and tasks.get(mine.id, "ann") is mine
    with pytest.raises(NotFound):
        tasks.cancel(mine.id, "bob")
    for number in range(LATELY + 3):
        ended(tasks, tasks.start("k", str(number), lambda task: ("", "")))
    assert len(tasks.list()) <= LATELY + 1
