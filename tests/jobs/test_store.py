"""jobs.store and what is under it: rows that come back as they were, several processes in one file, and files that are damaged, foreign, full or gone."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.core.errors import NotFound, OutOfMemory, OutputTrouble
from modules.core.extras import ExtrasRequest
from modules.core.groups.sampling import Solver
from modules.core.limits import SEED_LIMIT
from modules.core.request import GenerationRequest
from modules.core.result import Picture
from modules.jobs.database import Database
from modules.jobs.job import Job, PictureRecord, State
from modules.jobs.presence import Presence
from modules.jobs.rows import MIGRATIONS, record_of
from modules.jobs.store import Store
from tests.conftest import PROJECT


def job(name: str, state: State = State.QUEUED, **values: object) -> Job:
    return Job(**{"id": name, "request": GenerationRequest(prompt=name), "state": state, "created": 5.0, **values})  # type: ignore[arg-type]


def record(place: int = 0, **values: object) -> PictureRecord:
    return PictureRecord(**{"path": f"day/{place}.png", "seed": 3 + place, "width": 64, "height": 32, "infotext": "a fox\nSteps: 3", "index": place, **values})  # type: ignore[arg-type]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = Store(path)
    try:
        yield store
    finally:
        store.close()


class TestRows:
    def test_a_job_of_another_kind_comes_back_as_it_was(self, store: Store, outputs: Path) -> None:
        wish = ExtrasRequest(images=("sha256:" + "0" * 64,), names=("pear",), upscaler="Lanczos", scale=2.5)
        store.add(job("a", request=wish))
        store.add(job("b"))
        store.put([job("a", State.DONE, request=wish, resolved=dataclasses.replace(wish, precision="fp32"))])
        found = store.job("a")
        assert (found.request, found.resolved) == (wish, dataclasses.replace(wish, precision="fp32"))
        assert isinstance(store.job("b").request, GenerationRequest)

    def test_a_kind_of_a_later_version_is_said(self, store: Store, outputs: Path) -> None:
        store.add(job("a"))
        with sqlite3.connect(outputs / "history.db") as raw:
            raw.execute("UPDATE jobs SET kind = 'video'")
        raw.close()
        found = store.job("a")
        assert found.request.title == "a" and "'video'" in found.notes[0]

    def test_a_job_comes_back_as_it_was(self, store: Store, outputs: Path) -> None:
        request = GenerationRequest(prompt="${x} \u0000 naïve 猫\n(a:1.2)", seed=SEED_LIMIT, cfg_scale=7.35, solver=Solver(eta=0.1), embeddings={"cat": "ab"})
        whole = job(
            "a",
            State.FAILED,
            request=request,
            resolved=dataclasses.replace(request, model="starter"),
            owner="anna",
            save=False,
            started=6.5,
            finished=7.25,
            error=OutOfMemory("Too large.", "Smaller.", "width").as_dict(),
            notes=("One.", "Zwei."),
        )
        store.add(whole)
        first = store.add_picture("a", 0, record(0, seed=SEED_LIMIT + 5, sha256="ab", complete=False, created=8.0))
        second = store.add_picture("a", 1, record(1, path="", infotext="\ud800"))
        assert 0 < first.number < second.number
        with opened(outputs / "history.db") as other:
            found = other.job("a")
        assert found == dataclasses.replace(whole, pictures=(first, dataclasses.replace(second, infotext="?")))

    def test_put_brings_up_to_date_and_adds_pictures_once(self, store: Store) -> None:
        store.add(job("a"))
        one = store.add_picture("a", 0, record(0))
        changed = job("a", State.DONE, finished=9.0, notes=("Done.",), pictures=(one, record(1)))
        store.put([changed])
        store.put([changed, job("b", State.DONE)])
        found = store.job("a")
        assert (found.state, found.finished, found.notes) == (State.DONE, 9.0, ("Done.",))
        assert [picture.index for picture in found.pictures] == [0, 1]
        assert store.add_picture("a", 0, record(0)).number == one.number
        assert store.job("b").state is State.DONE

    def test_history_is_paged_newest_first_and_by_owner(self, store: Store) -> None:
        for number in range(12):
            store.add(job(f"j{number}", State.DONE if number % 4 else State.QUEUED, owner="anna" if number % 2 else "ben"))
            store.add_picture(f"j{number}", 0, record(number))
        finished = [f"j{number}" for number in range(11, -1, -1) if number % 4]
        assert [found.id for found in store.recent()] == finished
        assert [found.id for found in store.recent(3)] == finished[:3]
        assert [found.id for found in store.recent(3, before=finished[2])] == finished[3:6]
        assert {found.id for found in store.recent(owner="ben")} == {"j2", "j6", "j10"}
        assert store.recent(before="unknown") == []
        numbers = [picture.number for picture in store.pictures()]
        assert numbers == sorted(numbers, reverse=True) and len(numbers) == 12
        assert [picture.number for picture in store.pictures(5, before=numbers[4])] == numbers[5:10]
        assert store.picture(numbers[0]).job == "j11"
        assert len(store.recent(-5)) == len(store.pictures(0)) == 1

    @pytest.mark.parametrize("number", [0, -1, 10**30, 99])
    def test_what_is_not_there(self, store: Store, number: int) -> None:
        with pytest.raises(NotFound):
            store.picture(number)
        with pytest.raises(NotFound, match="'nope"):
            store.job("nope" * 1000)
        with pytest.raises(NotFound):
            store.delete("nope")
        assert store.pictures(before=10**30) == []

    def test_delete_takes_the_pictures_rows_along(self, store: Store) -> None:
        store.add(job("a", State.DONE))
        number = store.add_picture("a", 0, record()).number
        store.delete("a")
        with pytest.raises(NotFound):
            store.picture(number)
        assert store.recent() == []

    def test_a_request_of_another_version_keeps_its_prompt_and_says_so(self, store: Store, outputs: Path) -> None:
        store.add(job("old", State.DONE))
        store.add(job("torn", State.DONE))
        with sqlite3.connect(outputs / "history.db") as raw:
            raw.execute("UPDATE jobs SET request = ? WHERE id = 'old'", (json.dumps({"prompt": "kept", "of_later": 1}),))
            raw.execute("UPDATE jobs SET request = '{' WHERE id = 'torn'")
        raw.close()
        found = store.job("old")
        assert found.request.title == "kept"
        assert "of_later" in found.notes[0]
        assert store.job("torn").notes

    def test_many_threads(self, store: Store) -> None:
        def work(name: str) -> None:
            for number in range(10):
                store.add(job(f"{name}{number}"))
                store.add_picture(f"{name}{number}", 0, record())
                store.recent()

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(store.pictures(100)) == 40

    @pytest.mark.parametrize(("inside", "path"), [(True, "day/1.png"), (False, None)])
    def test_a_path_is_relative_to_the_outputs_where_it_can_be(self, tmp_path: Path, inside: bool, path: str | None) -> None:
        place = (tmp_path / "outputs" if inside else tmp_path / "elsewhere") / "day" / "1.png"
        picture = Picture(b"abc", 1, 2, GenerationRequest(seed=9), "text", 4, place, complete=False)
        found = record_of(picture, tmp_path / "outputs")
        assert found.path == (path or place.as_posix())
        assert (found.seed, found.index, found.sha256, found.complete) == (9, 4, hashlib.sha256(b"abc").hexdigest(), False)
        assert record_of(picture.saved(place), tmp_path / "outputs").sha256 == "", "a file that is gone already"


class TestTakingOver:
    def test_after_a_crash_what_ran_failed_and_what_waits_waits_in_its_order(self, store: Store, outputs: Path) -> None:
        for name in "abcd":
            store.add(job(name))
        store.order(["d", "b", "a", "c"])
        store.put([job("d", State.RUNNING, started=6.0)])
        store.add_picture("d", 0, record())
        store._here().leave()  # what the system does when a process dies
        with opened(outputs / "history.db") as after:
            assert [found.id for found in after.take_over(resume=False)] == []
            assert [found.id for found in after.take_over(resume=True)] == ["b", "a", "c"]
            failed = after.job("d")
            assert failed.state is State.FAILED
            assert "crash" in (failed.error or {})["detail"]
            assert len(failed.pictures) == 1
            assert failed.finished
            after.add(job("e"))
            assert [found.id for found in after.take_over(resume=True)] == ["b", "a", "c", "e"]

    def test_a_living_process_keeps_what_it_runs_and_what_waits_for_it(self, outputs: Path) -> None:
        code = (
            "import sys, time; from pathlib import Path; from modules.jobs.store import Store; from modules.jobs.job import Job, State\n"
            "from modules.core.request import GenerationRequest\n"
            f"store = Store(Path({str(outputs / 'history.db')!r}))\n"
            "store.add(Job(id='running', request=GenerationRequest(), state=State.RUNNING)); store.add(Job(id='waiting', request=GenerationRequest()))\n"
            "print('ready', flush=True); time.sleep(300)"
        )
        child = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout and child.stdout.readline() == "ready\n"
            with opened(outputs / "history.db") as store:
                store.add(job("ours"))
                assert [found.id for found in store.take_over(resume=True)] == ["ours"]
                assert store.job("running").state is State.RUNNING
                child.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
                child.wait(60)
                assert [found.id for found in store.take_over(resume=True)] == ["waiting", "ours"]
                assert store.job("running").state is State.FAILED
        finally:
            child.kill()
            child.wait(60)
            child.stdout.close()  # type: ignore[union-attr]
        assert not list(outputs.glob(".easel-*.alive")), "who leaves tidies up, also after the dead"

    def test_presence(self, tmp_path: Path) -> None:
        one, other = Presence(tmp_path), Presence(tmp_path)
        assert one.lives(one.token) and one.lives(other.token) and not one.lives("0123456789abcdef")
        other.leave()
        assert not one.lives(other.token)
        assert one.stands
        os.unlink(tmp_path / f".easel-{one.token}.alive")
        assert not one.stands
        one.leave()
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputTrouble):
            Presence(tmp_path / "file")


class TestTroubledFiles:
    def aside(self, outputs: Path, word: str) -> list[Path]:
        return [path for path in outputs.glob(f"history.db.{word}-*") if not path.name.endswith(("-wal", "-shm"))]

    @pytest.mark.parametrize("content", [b"this is no database at all, but long enough to be looked at " * 20, b"SQLite format 3\0" + b"\xff" * 5000])
    def test_a_file_that_is_no_database(self, outputs: Path, content: bytes) -> None:
        outputs.mkdir()
        (outputs / "history.db").write_bytes(content)
        with opened(outputs / "history.db") as store:
            store.add(job("a"))
            assert store.job("a").id == "a"
            (aside,) = self.aside(outputs, "broken")
            assert aside.read_bytes() == content
            assert aside.name in store.notes[0]

    def test_a_damaged_page_is_found_at_the_start(self, outputs: Path) -> None:
        with opened(outputs / "history.db") as store:
            for number in range(200):
                store.add(job(f"j{number}"))
        content = bytearray((outputs / "history.db").read_bytes())
        for page in range(2, len(content) // 4096):
            content[page * 4096 : page * 4096 + 200] = os.urandom(200)
        (outputs / "history.db").write_bytes(content)
        with opened(outputs / "history.db") as store:
            assert store.take_over(resume=True) == []
            store.add(job("a"))
            assert self.aside(outputs, "broken")[0].read_bytes() == content
            assert "damaged" in store.notes[0]

    @pytest.mark.parametrize("statement", ["CREATE TABLE recipes (name)", "PRAGMA user_version = 99"])
    def test_another_programs_file_is_not_touched(self, outputs: Path, statement: str) -> None:
        outputs.mkdir()
        raw = sqlite3.connect(outputs / "history.db")
        raw.execute(statement)
        raw.commit()
        raw.close()
        content = (outputs / "history.db").read_bytes()
        with opened(outputs / "history.db") as store:
            store.add(job("a"))
            assert self.aside(outputs, "foreign")[0].read_bytes() == content
            assert store.notes

    def test_a_full_disk_writes_all_or_nothing_and_room_helps(self, store: Store) -> None:
        store.add(job("a"))
        with store._database.reading() as rows:
            (pages,) = rows.execute("PRAGMA page_count").fetchone()
            rows.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OutputTrouble, match="the disk is full") as caught:
            for number in range(200):
                store.put([job(f"b{number}", pictures=tuple(record(place) for place in range(20)))])
        assert caught.value.remedy
        assert len(store.job(f"b{number - 1}").pictures if number else [0] * 20) == 20
        with pytest.raises(NotFound):
            store.job(f"b{number}")
        with store._database.reading() as rows:
            rows.execute("PRAGMA max_page_count = 1000000")
        store.put([job(f"b{number}")])
        assert store.job(f"b{number}")

    def test_a_file_that_may_not_be_written(self, store: Store) -> None:
        store.add(job("a"))
        with store._database.reading() as rows:
            rows.execute("PRAGMA query_only = ON")
        with pytest.raises(OutputTrouble, match="may not be written"):
            store.add(job("b"))
        assert store.job("a").id == "a"

    def test_places_where_no_file_can_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        (tmp_path / "folder.db").mkdir()
        for path in (tmp_path / "file" / "history.db", tmp_path / "folder.db"):
            with opened(path) as store, pytest.raises(OutputTrouble):
                store.add(job("a"))

    def test_another_program_that_holds_it(self, store: Store, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store.add(job("a"))
        with store._database.reading() as rows:
            rows.execute("PRAGMA busy_timeout = 10")
        raw = sqlite3.connect(outputs / "history.db", isolation_level=None)
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutputTrouble, match="another program holds it"):
            store.add(job("b"))
        raw.execute("ROLLBACK")
        raw.close()
        store.add(job("b"))

    @pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file be deleted")
    def test_a_file_that_is_deleted_while_it_is_open_is_begun_anew(self, store: Store, outputs: Path) -> None:
        store.add(job("a"))
        shutil.rmtree(outputs)
        store.add(job("b"))
        assert (outputs / "history.db").exists()
        with opened(outputs / "history.db") as other:
            assert [found.id for found in other.take_over(resume=True)] == []
            assert other.job("b").state is State.QUEUED, "its holder is alive"

    def test_closed_is_closed(self, store: Store) -> None:
        store.add(job("a"))
        store.close()
        with pytest.raises(OutputTrouble, match="closed"):
            store.job("a")


class TestMigrations:
    STEPS = ("CREATE TABLE one (a); INSERT INTO one VALUES (5)", "ALTER TABLE one ADD COLUMN b DEFAULT 7")

    def test_an_older_file_is_brought_up_and_keeps_its_rows(self, tmp_path: Path) -> None:
        for steps in (self.STEPS[:1], self.STEPS, self.STEPS):
            database = Database(tmp_path / "x.db", steps)
            with database.reading() as rows:
                assert rows.execute("SELECT * FROM one").fetchone()["a"] == 5
                assert rows.execute("PRAGMA user_version").fetchone()[0] == len(steps)
                assert rows.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
                assert rows.execute("PRAGMA synchronous").fetchone()[0] == 2
            database.close()
        assert database.notes == []

    def test_a_step_that_fails_leaves_the_older_version(self, tmp_path: Path) -> None:
        Database(tmp_path / "x.db", self.STEPS[:1])
        with Database(tmp_path / "x.db", self.STEPS[:1]).reading():
            pass
        with pytest.raises(OutputTrouble), Database(tmp_path / "x.db", (*self.STEPS, "CREATE TABLE two (a); CREATE NONSENSE")).reading():
            pass
        with Database(tmp_path / "x.db", self.STEPS).reading() as rows:
            assert rows.execute("SELECT b FROM one").fetchone()["b"] == 7
            assert rows.execute("SELECT count(*) FROM sqlite_master WHERE name = 'two'").fetchone()[0] == 0

    def test_processes_that_open_a_new_file_at_once(self, tmp_path: Path) -> None:
        code = (
            "from pathlib import Path; from modules.jobs.store import Store; from modules.jobs.job import Job; from modules.core.request import GenerationRequest; import sys\n"
            f"store = Store(Path({str(tmp_path / 'history.db')!r}))\n"
            "for n in range(5): store.add(Job(id=sys.argv[1] + str(n), request=GenerationRequest()))\n"
            "assert not store.notes, store.notes"
        )
        children = [subprocess.Popen([sys.executable, "-c", code, name], cwd=PROJECT) for name in "abc"]
        assert [child.wait(120) for child in children] == [0, 0, 0]
        with opened(tmp_path / "history.db") as store:
            assert len(store.take_over(resume=True)) == 15

    def test_the_first_step_is_as_it_was_released(self) -> None:
        assert len(MIGRATIONS) >= 1
        assert "CREATE TABLE jobs" in MIGRATIONS[0] and "CREATE TABLE pictures" in MIGRATIONS[0]
