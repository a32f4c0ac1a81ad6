"""jobs.queue: order, cancelling, what is to be seen, and disks that refuse."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.errors import EaselError, InvalidRequest, NotFound, OutputTrouble
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Result, Tally
from modules.jobs.job import State
from modules.jobs.queue import Queue
from modules.jobs.store import Store
from modules.jobs.worker import Worker
from tests.jobs.conftest import PATIENCE, small, until
from tests.jobs.drawing import Drawing


def ids(queue: Queue) -> list[str]:
    return [job.id for job in queue.jobs()]


def fill(queue: Queue, count: int) -> list[str]:
    return [queue.submit(small()).id for _ in range(count)]


def limit_pages(store: Store, pages: int) -> None:
    """0: no page more than there are now, which is what a full disk does."""
    with store._database.reading() as rows:
        (there,) = rows.execute("PRAGMA page_count").fetchone()
        rows.execute(f"PRAGMA max_page_count = {pages or there}")


class TestOrder:
    def test_first_come_first_served_and_moved(self, queue: Queue) -> None:
        a, b, c, d = fill(queue, 4)
        queue.move(d, 0)
        queue.move(a, 99)
        queue.move(c, -5)
        assert ids(queue) == [c, d, b, a]
        assert queue.take().id == c  # type: ignore[union-attr]
        assert ids(queue) == [c, d, b, a]
        queue.move(a, 0)
        assert ids(queue) == [c, a, d, b], "the running one stays in front; places count among those that wait"

    def test_what_cannot_be_moved(self, queue: Queue) -> None:
        (a,) = fill(queue, 1)
        queue.take()
        with pytest.raises(InvalidRequest, match="does not wait"):
            queue.move(a, 0)
        with pytest.raises(NotFound):
            queue.move("nope", 0)

    def test_owners_see_their_own(self, queue: Queue) -> None:
        mine, other = queue.submit(small(), owner="anna").id, queue.submit(small(), owner="ben").id
        assert [job.id for job in queue.jobs("anna")] == [mine]
        assert ids(queue) == [mine, other]
        assert queue.get(other).owner == "ben"

    def test_ids_cannot_be_guessed(self, queue: Queue) -> None:
        given = fill(queue, 20)
        assert len({id[:4] for id in given}) > 10 and all(len(id) == 16 for id in given)

    @settings(max_examples=25, deadline=None)
    @given(
        steps=st.lists(
            st.one_of(
                st.just(("submit",)),
                st.tuples(st.just("move"), st.integers(0, 9), st.integers(-2, 12)),
                st.tuples(st.just("cancel"), st.integers(0, 9), st.sampled_from(list(Cancel))),
                st.just(("run",)),
                st.just(("restart",)),
            ),
            max_size=25,
        )
    )
    def test_any_order_of_operations_agrees_with_a_plain_list_also_after_a_restart(self, steps: list[tuple]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path, model = Path(folder, "history.db"), list[str]()
            queue = Queue(Store(path))
            for name, *values in [*steps, ("restart",)]:
                chosen = model[values[0] % len(model)] if values and model else None
                if name == "submit":
                    model.append(queue.submit(small()).id)
                elif name == "move" and chosen:
                    queue.move(chosen, values[1])
                    model.remove(chosen)
                    model.insert(max(0, values[1]), chosen)
                elif name == "cancel" and chosen:
                    queue.cancel(chosen, values[1])
                    if values[1] is Cancel.STOP:
                        model.remove(chosen)
                        assert queue.get(chosen).state is State.CANCELLED
                elif name == "run" and model:
                    taken = queue.take()
                    assert taken is not None and taken.id == model.pop(0)
                    queue.finish(taken.id, Result(request=taken.request))
                elif name == "restart":
                    queue.close()
                    queue = Queue(Store(path))
                assert ids(queue) == model
                assert [queue.live(id).ahead for id in model] == list(range(len(model)))
            queue.close()


class TestCancel:
    def test_a_waiting_job_leaves_and_its_ticket_gets_an_empty_result(self, queue: Queue) -> None:
        ticket = queue.submit(small())
        queue.cancel(ticket.id, Cancel.SKIP)
        queue.cancel(ticket.id, Cancel.NONE)
        assert ids(queue) == [ticket.id], "only stop acts on one that waits"
        queue.cancel(ticket.id)
        assert ids(queue) == []
        result = ticket.result(1)
        assert (result.cancelled, result.pictures) == (Cancel.STOP, ())
        assert queue.store.job(ticket.id).state is State.CANCELLED
        queue.cancel(ticket.id)
        with pytest.raises(NotFound):
            queue.cancel("nope")

    def test_stop_keeps_what_was_finished(self, queue: Queue, drawing: Drawing, worker: Worker, outputs: Path) -> None:
        ticket = queue.submit(small(count=50))
        worker.start()
        until(queue, lambda: len(queue.get(ticket.id).pictures) >= 2)
        drawing.gate.clear()
        queue.cancel(ticket.id, Cancel.STOP)
        assert queue.live(ticket.id).cancel is Cancel.STOP
        drawing.gate.set()
        result = ticket.result(PATIENCE)
        assert result.cancelled is Cancel.STOP
        assert 2 <= len(result.pictures) < 50
        job = queue.get(ticket.id)
        assert job.state is State.CANCELLED
        assert [outputs / picture.path for picture in job.pictures] == [picture.path for picture in result.pictures]

    def test_a_skip_does_not_take_back_a_stop(self, queue: Queue) -> None:
        (id,) = fill(queue, 1)
        queue.take()
        queue.cancel(id, Cancel.STOP)
        queue.cancel(id, Cancel.SKIP)
        assert queue.asked(id) is Cancel.STOP
        queue.cancel(id, Cancel.NONE)
        assert queue.asked(id) is Cancel.NONE, "only taking it back does"

    def test_skip_leaves_one_picture_out_and_goes_on(self, queue: Queue, drawing: Drawing, worker: Worker) -> None:
        drawing.gate.clear()
        ticket = queue.submit(small(count=4))
        worker.start()
        until(queue, lambda: queue.live(ticket.id).progress.phase == "sampling")
        queue.cancel(ticket.id, Cancel.SKIP)
        queue.cancel(ticket.id, Cancel.SKIP)
        drawing.gate.set()
        assert [picture.index for picture in ticket.result(PATIENCE).pictures] == [1, 2, 3]
        assert queue.get(ticket.id).state is State.DONE

    def test_a_wish_can_be_taken_back(self, queue: Queue, drawing: Drawing, worker: Worker) -> None:
        drawing.gate.clear()
        ticket = queue.submit(small())
        worker.start()
        until(queue, lambda: queue.live(ticket.id).progress.phase == "sampling")
        queue.cancel(ticket.id, Cancel.STOP)
        queue.cancel(ticket.id, Cancel.NONE)
        drawing.gate.set()
        assert len(ticket.result(PATIENCE).pictures) == 1

    def test_a_skip_ends_with_its_picture(self, queue: Queue) -> None:
        id = queue.submit(small(count=3)).id
        queue.take()
        queue.progress(id, Progress("sampling", 1, 3, 2, 9))
        queue.cancel(id, Cancel.SKIP)
        queue.progress(id, Progress("sampling", 1, 3, 3, 9))
        assert queue.asked(id) is Cancel.SKIP
        queue.progress(id, Progress("sampling", 2, 3, 0, 9))
        assert queue.asked(id) is Cancel.NONE
        queue.cancel(id, Cancel.SKIP)
        queue.picture(id, Picture(b"", 1, 1, GenerationRequest(seed=1), "", 2))
        assert queue.asked(id) is Cancel.NONE, "it was finished before the skip was seen"


class TestSeeing:
    def test_only_the_latest_progress_and_rising_versions(self, queue: Queue, worker: Worker) -> None:
        seen: list[tuple[int, int, int]] = []
        ticket = queue.submit(small(count=5, steps=20))
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                live = queue.live(ticket.id)
                seen.append((live.version, live.progress.picture, live.progress.step))
                over.wait(0.001)

        watching = threading.Thread(target=watch)
        watching.start()
        worker.start()
        ticket.result(PATIENCE)
        over.set()
        watching.join(PATIENCE)
        assert [version for version, *_ in seen] == sorted(version for version, *_ in seen)
        assert queue.live(ticket.id).version > 100, "each progress counted"
        assert queue.live(ticket.id).progress.share == 1

    def test_waiting_costs_no_polling_and_sees_the_end(self, queue: Queue, worker: Worker) -> None:
        ticket = queue.submit(small(count=3))

        async def observe() -> list[str]:
            phases: list[str] = []
            while True:
                version = queue.version
                live = queue.live(ticket.id)
                if live.progress.phase not in phases:
                    phases.append(live.progress.phase)
                if live.job.state.finished:
                    return phases
                assert await queue.wait_async(version, PATIENCE) != version

        worker.start()
        phases = asyncio.run(observe())
        assert phases[-1] == "done"
        assert len(queue.get(ticket.id).pictures) == 3

    def test_a_picture_is_seen_only_when_it_is_safe(self, queue: Queue, worker: Worker, outputs: Path) -> None:
        ticket = queue.submit(small(count=10))
        worker.start()
        checked = 0
        while not ticket.done or checked < 10:
            version = queue.version
            for picture in queue.get(ticket.id).pictures[checked:]:
                assert (outputs / picture.path).exists()
                assert queue.store.picture(picture.number) == picture
                checked += 1
            if checked < 10:
                queue.wait(version, 1)
        assert checked == 10

    def test_a_finished_job_is_found_after_a_restart(self, queue: Queue, worker: Worker, outputs: Path) -> None:
        ticket = queue.submit(small(seed=-1, count=2), owner="anna")
        worker.start()
        ticket.result(PATIENCE)
        before = queue.get(ticket.id)
        assert before.request.seed == -1
        assert before.resolved is not None and before.resolved.seed == 1234
        assert before.notes == ("Drawn, not dreamt.",)
        again = Queue(Store(outputs / "history.db"))
        assert again.get(ticket.id) == before
        assert again.live(ticket.id).progress.share == 1
        assert again.store.recent() == [before]
        again.delete(ticket.id)
        again.close()
        with pytest.raises(NotFound):
            queue.store.job(ticket.id)

    def test_an_unfinished_job_is_not_deleted(self, queue: Queue) -> None:
        (id,) = fill(queue, 1)
        with pytest.raises(InvalidRequest):
            queue.delete(id)
        queue.cancel(id)
        queue.delete(id)
        for ask in (queue.get, queue.live, queue.delete):
            with pytest.raises(NotFound):
                ask(id)

    def test_counted_steps_are_seen_by_whoever_looks_and_by_whoever_waits(self, queue: Queue) -> None:
        (id,) = fill(queue, 1)
        assert queue.take()
        tally = Tally(0)
        queue.progress(id, Progress("sampling", 0, 1, 0, 9, b"preview", tally))
        seen = queue.live(id)
        assert (seen.progress.step, seen.preview) == (0, b"preview")
        tally.done = 3
        assert queue.wait(seen.version, 60) > seen.version, "nobody told, and yet it is known"
        later = queue.live(id)
        assert (later.progress.step, later.preview, later.preview_version) == (3, b"preview", seen.preview_version)
        queue.progress(id, Progress("decoding", 0, 1, 9, 9))
        tally.done = 5
        assert queue.live(id).progress == Progress("decoding", 0, 1, 9, 9), "a tally counts for its own phase only"

    def test_progress_of_a_job_that_is_over_is_nothing(self, queue: Queue) -> None:
        (id,) = fill(queue, 1)
        queue.cancel(id)
        queue.progress(id, Progress("sampling", 0, 1, 1, 2))
        assert queue.live(id).progress.phase == "cancelled"
        assert queue.asked(id) is Cancel.STOP


class TestTrouble:
    @pytest.mark.parametrize(
        "request_",
        [GenerationRequest(steps=10**9), GenerationRequest(prompt="\ud800"), GenerationRequest(cfg_scale=float("nan")), GenerationRequest(prompt="x" * 20_001)],
    )
    def test_a_request_out_of_range_makes_no_job(self, queue: Queue, request_: GenerationRequest) -> None:
        with pytest.raises(InvalidRequest):
            queue.submit(request_)
        assert queue.jobs() == []

    def test_a_full_disk_refuses_whole_and_goes_on_when_there_is_room(self, queue: Queue, store: Store, worker: Worker) -> None:
        first = queue.submit(small())
        limit_pages(store, 0)
        with pytest.raises(OutputTrouble, match="the disk is full"):
            for _ in range(100):
                queue.submit(small(prompt="long " * 3000))
        known = ids(queue)
        limit_pages(store, 100_000)
        more = queue.submit(small())
        assert ids(queue) == [*known, more.id]
        worker.start()
        assert first.result(PATIENCE).pictures and more.result(PATIENCE).pictures
        assert {job.id for job in store.recent(500)} == {*known, more.id}, "what was refused is nowhere"

    def test_a_history_that_cannot_be_written_does_not_end_a_run(self, queue: Queue, store: Store, drawing: Drawing, worker: Worker, outputs: Path) -> None:
        ticket, behind = queue.submit(small(count=3)), queue.submit(small())
        with store._database.reading() as rows:
            rows.execute("PRAGMA query_only = ON")
        worker.start()
        result = ticket.result(PATIENCE)
        assert len(result.pictures) == 3
        assert len(queue.get(ticket.id).pictures) == 3
        assert behind.result(PATIENCE).pictures
        assert store.job(ticket.id).state is State.QUEUED
        with pytest.raises(OutputTrouble):
            queue.submit(small())
        with store._database.reading() as rows:
            rows.execute("PRAGMA query_only = OFF")
        queue.submit(small()).result(PATIENCE)
        for id, pictures in ((ticket.id, 3), (behind.id, 1)):
            found = store.job(id)
            assert (found.state, len(found.pictures)) == (State.DONE, pictures), "the rows followed when they could"

    def test_a_folder_that_cannot_be_used_is_said_and_tried_again(self, tmp_path: Path) -> None:
        blocked = tmp_path / "outputs"
        blocked.write_text("in the way")
        queue = Queue(Store(blocked / "history.db"))
        assert "a file stands where a folder is needed" in queue.notes[0]
        with pytest.raises(OutputTrouble, match="a file stands where a folder is needed"):
            queue.submit(small())
        assert queue.jobs() == [] and queue.take() is None
        blocked.unlink()
        (id,) = fill(queue, 1)
        assert ids(queue) == [id]
        queue.close()

    def test_a_waiting_job_that_cannot_be_read_is_failed_not_run(self, queue: Queue, store: Store, outputs: Path) -> None:
        strange, sound = fill(queue, 2)
        with store._database.writing() as rows:
            rows.execute("UPDATE jobs SET request = ? WHERE id = ?", ('{"prompt": "x", "later": 1}', strange))
        queue.close()
        again = Queue(Store(outputs / "history.db"))
        assert ids(again) == [sound]
        failed = again.get(strange)
        assert failed.state is State.FAILED and "another version" in (failed.error or {})["detail"]
        again.close()

    def test_what_nobody_can_receive_any_more_is_not_made(self, queue: Queue, outputs: Path) -> None:
        lost, kept = queue.submit(small(), save=False).id, queue.submit(small()).id
        queue.close()
        again = Queue(Store(outputs / "history.db"))
        assert ids(again) == [kept]
        failed = again.get(lost)
        assert failed.state is State.FAILED and failed.finished and "restart" in (failed.error or {})["detail"]
        again.close()

    def test_a_command_beside_a_server_takes_nothing_over(self, queue: Queue, outputs: Path) -> None:
        (waiting,) = fill(queue, 1)
        command = Queue(Store(outputs / "history.db"), resume=False)
        (own,) = fill(command, 1)
        assert ids(command) == [own] and ids(queue) == [waiting]
        command.close()

    def test_closing_tells_those_who_wait_and_keeps_the_jobs(self, queue: Queue, outputs: Path) -> None:
        ticket = queue.submit(small())
        told: list[BaseException] = []

        def wait() -> None:
            try:
                ticket.result(PATIENCE)
            except EaselError as error:
                told.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        queue.close()
        waiting.join(PATIENCE)
        assert "closed" in str(told[0])
        with pytest.raises(EaselError, match="closing"):
            queue.submit(small())
        again = Queue(Store(outputs / "history.db"))
        assert ids(again) == [ticket.id]
        again.close()
