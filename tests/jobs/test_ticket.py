"""jobs.ticket: a result goes to whoever holds the ticket, once, and is kept for nobody else."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from modules.core.errors import EaselError, OutOfMemory
from modules.core.request import GenerationRequest
from modules.core.result import Picture, Result
from modules.jobs.ticket import Tickets


def result(size: int = 10) -> Result:
    request = GenerationRequest()
    return Result(request, (Picture(b"x" * size, 1, 1, request, ""),))


def test_the_result_is_taken_once() -> None:
    tickets = Tickets()
    ticket = tickets.issue("a")
    assert not ticket.done
    with pytest.raises(TimeoutError):
        ticket.result(0.01)
    made = result()
    tickets.settle("a", made)
    assert ticket.done
    assert ticket.result() is made
    with pytest.raises(EaselError, match="taken already"):
        ticket.result()


def test_the_error_comes_as_often_as_it_is_asked_for() -> None:
    tickets = Tickets()
    ticket = tickets.issue("a")
    tickets.settle("a", OutOfMemory("Too large.", "Make it smaller."))
    for _ in range(2):
        with pytest.raises(OutOfMemory, match="Too large"):
            ticket.result(1)


def test_waiting_threads_and_coroutines_are_woken() -> None:
    tickets = Tickets()
    one, other = tickets.issue("one"), tickets.issue("other")
    for id in ("one", "other"):
        threading.Timer(0.05, tickets.settle, (id, result())).start()
    assert one.result(60).pictures
    assert asyncio.run(other.result_async(60)).pictures


def test_a_taken_or_forgotten_result_frees_its_memory() -> None:
    tickets = Tickets()
    taken, forgotten = tickets.issue("taken"), tickets.issue("forgotten")
    first, second = result(), result()
    watched = [weakref.ref(first), weakref.ref(second)]
    tickets.settle("taken", first)
    tickets.settle("forgotten", second)
    del first, second
    taken.result()
    del forgotten
    gc.collect()
    assert [ref() for ref in watched] == [None, None]
    tickets.settle("forgotten", result())
    tickets.settle("never issued", result())


def test_beyond_the_limit_the_oldest_is_let_go_but_not_one_that_is_waited_for() -> None:
    tickets = Tickets(limit=100)
    waited, oldest, older, newest = (tickets.issue(name) for name in ("waited", "oldest", "older", "newest"))
    with waited._watch.lock:
        waited.waiting += 1
    for ticket in (waited, oldest, older):
        tickets.settle(ticket.id, result(40))
    with pytest.raises(EaselError, match="let go"):
        oldest.result()
    tickets.settle("newest", result(1000))
    with pytest.raises(EaselError, match="let go"):
        older.result()
    assert len(newest.result().pictures[0].data) == 1000, "the newest is kept whatever its size"
    assert waited.result().pictures


def test_all_are_told_when_it_closes() -> None:
    tickets = Tickets()
    open_ones = [tickets.issue(str(number)) for number in range(3)]
    tickets.settle_all(EaselError("Closed."))
    for ticket in open_ones:
        with pytest.raises(EaselError, match="Closed"):
            ticket.result(0)


@pytest.mark.parametrize("way", ["thread", "coroutine"])
def test_a_result_is_not_let_go_while_it_is_being_taken(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    tickets = Tickets(limit=100)
    ticket, newer = tickets.issue("taken"), tickets.issue("newer")
    tickets.settle("taken", result(40))
    take = ticket._take

    def after_another() -> Result:
        tickets.settle("newer", result(90))
        return take()

    monkeypatch.setattr(ticket, "_take", after_another)
    made = ticket.result(1) if way == "thread" else asyncio.run(ticket.result_async(1))
    assert len(made.pictures[0].data) == 40
    assert newer.result(1).pictures


def test_unsaved_pictures_of_a_failed_job_stay_with_its_ticket_up_to_the_limit() -> None:
    tickets = Tickets(limit=100)
    failed, fine, later = (tickets.issue(name) for name in ("failed", "fine", "later"))
    picture = result(60).pictures[0]
    tickets.keep("failed", picture)
    tickets.keep("fine", picture)
    tickets.keep("never issued", picture)
    tickets.settle("failed", OutOfMemory("Too large."))
    assert failed.unsaved == (picture,)
    tickets.settle("fine", result(10))
    assert fine.unsaved == () and failed.unsaved, "what succeeded is in its result"
    tickets.settle("later", result(60))
    assert failed.unsaved == ()
    with pytest.raises(OutOfMemory):
        failed.result(0)
    assert later.result(0).pictures
