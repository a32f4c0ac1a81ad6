"""core.files: whole files or none, no name used twice, and words for every way a disk can refuse."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modules.core import files
from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, publish, replace, set_aside, sweep, workplace, write_new
from tests.conftest import PROJECT


def numbered(number: int) -> str:
    return f"{number:05}.png"


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")


@pytest.fixture(params=["links", "no links"])
def either_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has hard links, and one that has none."""
    if request.param == "no links":
        monkeypatch.setattr(os, "link", no_links)


@pytest.mark.usefixtures("either_disk")
class TestWriteNew:
    def test_makes_folders_and_counts_up(self, tmp_path: Path) -> None:
        folder = tmp_path / "a" / "b"
        assert write_new(folder, numbered, b"one", 7) == folder / "00007.png"
        assert write_new(folder, numbered, b"two", 7) == folder / "00008.png"
        assert (folder / "00007.png").read_bytes() == b"one"
        assert names(folder) == ["00007.png", "00008.png"]

    def test_never_replaces_whatever_stands_there(self, tmp_path: Path) -> None:
        (tmp_path / "00001.png").write_bytes(b"mine")
        (tmp_path / "00002.png").mkdir()
        (tmp_path / "00003.png").symlink_to(tmp_path / "nowhere")
        assert write_new(tmp_path, numbered, b"new", 1).name == "00004.png"
        assert (tmp_path / "00001.png").read_bytes() == b"mine"

    def test_threads_that_save_at_once_get_a_name_each(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            paths = list(pool.map(lambda index: write_new(tmp_path, numbered, str(index).encode(), 1), range(80)))
        assert sorted(paths) == [tmp_path / numbered(number) for number in range(1, 81)]
        assert [path.read_bytes() for path in paths] == [str(index).encode() for index in range(80)]
        assert len(names(tmp_path)) == 80

    def test_a_name_without_a_number_is_refused_when_taken(self, tmp_path: Path) -> None:
        write_new(tmp_path, lambda _: "same.png", b"1", 1)
        with pytest.raises(OutputTrouble, match=r"same\.png exists already"):
            write_new(tmp_path, lambda _: "same.png", b"2", 1)
        assert names(tmp_path) == ["same.png"]

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b.png", "../up.png", "nul\0.png", "\ud800.png", "x" * 300 + ".png"])
    def test_impossible_names(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(OutputTrouble) as caught:
            write_new(tmp_path, lambda _: name, b"data", 1)
        assert caught.value.remedy
        assert names(tmp_path) == []

    def test_a_file_in_the_folders_place(self, tmp_path: Path) -> None:
        (tmp_path / "outputs").write_bytes(b"a file")
        for folder in (tmp_path / "outputs", tmp_path / "outputs" / "deep"):
            with pytest.raises(OutputTrouble, match="a file stands where a folder is needed"):
                write_new(folder, numbered, b"data", 1)

    @pytest.mark.parametrize(("number", "reason"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EIO, "the disk reports an error")])
    def test_a_write_that_fails_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str) -> None:
        def refuse(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(OutputTrouble, match=reason) as caught:
            write_new(tmp_path, numbered, b"data", 1)
        assert caught.value.remedy
        assert names(tmp_path) == []


def test_two_processes_that_save_at_once_get_a_name_each(tmp_path: Path) -> None:
    code = f"from modules.core.files import write_new; from pathlib import Path\nfor i in range(60): write_new(Path({str(tmp_path)!r}), '{{:05}}.png'.format, b'x', 1)"
    children = [subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert names(tmp_path) == [numbered(number) for number in range(1, 121)]


def test_without_links_a_claim_of_another_process_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its claim and its rename a process may be slow; the name is its own until then."""
    monkeypatch.setattr(os, "link", no_links)
    seen: list[str] = []
    rename = os.rename

    def slow(source: Path, target: Path) -> None:
        if not seen:
            seen.extend(names(tmp_path))
            seen.append(write_new(tmp_path, numbered, b"second", 1).name)
        rename(source, target)

    monkeypatch.setattr(os, "rename", slow)
    assert write_new(tmp_path, numbered, b"first", 1).name == "00001.png"
    assert seen[-1] == "00002.png"
    assert any(name.endswith(".claim") for name in seen)
    assert "00001.png" not in seen, "the name must not show before the data is whole"
    assert names(tmp_path) == ["00001.png", "00002.png"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="only where rights bind this user")
def test_a_folder_without_the_right_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputTrouble, match="may not be written"):
            write_new(tmp_path, numbered, b"data", 1)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
def test_files_are_as_readable_as_the_user_has_it(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert write_new(tmp_path, numbered, b"data", 1).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


class TestReplace:
    def test_makes_and_replaces(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "settings.yaml"
        replace(path, b"one")
        replace(path, b"two")
        assert path.read_bytes() == b"two"
        assert names(path.parent) == ["settings.yaml"]

    def test_a_failure_leaves_the_old_content(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "settings.yaml"
        replace(path, b"old")

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(OutputTrouble, match="the disk is full"):
            replace(path, b"new")
        assert path.read_bytes() == b"old"
        assert names(tmp_path) == ["settings.yaml"]

    def test_a_folder_of_that_name(self, tmp_path: Path) -> None:
        (tmp_path / "settings.yaml").mkdir()
        with pytest.raises(OutputTrouble):
            replace(tmp_path / "settings.yaml", b"new")

    @pytest.mark.skipif(os.name == "nt", reason="POSIX links and rights")
    def test_keeps_rights_and_follows_a_link(self, tmp_path: Path) -> None:
        kept = tmp_path / "kept.yaml"
        kept.write_bytes(b"old")
        kept.chmod(0o600)
        link = tmp_path / "settings.yaml"
        link.symlink_to(kept)
        replace(link, b"new")
        assert link.is_symlink()
        assert kept.read_bytes() == b"new"
        assert kept.stat().st_mode & 0o777 == 0o600


def test_set_aside_keeps_every_one(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    kept = set()
    for number in range(3):
        path.write_text(str(number))
        kept.add(set_aside(path))
        assert not path.exists()
    assert len(kept) == 3
    assert sorted(one.read_text() for one in kept) == ["0", "1", "2"]
    assert all(re.fullmatch(r"history\.db\.broken-\d{8}-\d{6}(-\d+)?", one.name) for one in kept)
    with pytest.raises(OutputTrouble):
        set_aside(path)


def test_make_folder_is_content_with_one_that_is_there(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()


def test_a_workplace_becomes_a_folder_or_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path / "models") as made:
        (made / "a").write_bytes(b"a")
        assert files._LEFTOVER.fullmatch(made.name), "what a kill leaves of it is swept"
        publish(made, tmp_path / "models" / "whole")
    assert names(tmp_path / "models") == ["whole"] and names(tmp_path / "models" / "whole") == ["a"]
    with pytest.raises(KeyError), workplace(tmp_path) as made:
        (made / "b").write_bytes(b"b")
        raise KeyError
    assert names(tmp_path) == ["models"]


class TestSweep:
    def leave(self, folder: Path, process: int, host: str = files._HOST) -> Path:
        path = folder / f".easel-{host}-{process}-0123456789abcdef.tmp"
        path.write_bytes(b"half")
        return path

    def ended(self) -> int:
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        return child.pid

    @pytest.mark.skipif(os.name == "nt", reason="there the age alone decides")
    def test_what_a_dead_process_left_goes_what_a_living_one_writes_stays(self, tmp_path: Path) -> None:
        (tmp_path / "2026-01-31").mkdir()
        dead = self.leave(tmp_path / "2026-01-31", self.ended())
        living = self.leave(tmp_path, os.getpid())
        assert sweep(tmp_path) == 1
        assert not dead.exists()
        assert living.exists()

    def test_another_machines_file_goes_by_age_alone(self, tmp_path: Path) -> None:
        other = self.leave(tmp_path, self.ended(), host="00000000")
        assert sweep(tmp_path) == 0
        hours_ago = time.time() - 2 * 3600
        os.utime(other, (hours_ago, hours_ago))
        assert sweep(tmp_path) == 1

    def test_nothing_else_is_touched(self, tmp_path: Path) -> None:
        strangers = ["00001.png", ".easel-notes.tmp", ".easel-00000000-12-0123456789abcdef.tmp.png", "x.easel-00000000-12-0123456789abcdef.tmp"]
        for name in strangers:
            (tmp_path / name).write_bytes(b"")
            os.utime(tmp_path / name, (0, 0))
        assert sweep(tmp_path) == 0
        assert names(tmp_path) == sorted(strangers)
        assert sweep(tmp_path / "missing") == 0

    @pytest.mark.skipif(os.name == "nt", reason="there the age alone decides")
    def test_folders_of_a_dead_process_go_and_those_of_a_living_one_stay(self, tmp_path: Path) -> None:
        def left(process: int, host: str = files._HOST) -> Path:
            place = tmp_path / "Stable-diffusion" / f".easel-{host}-{process}-0123456789abcdef.tmp"
            (place / "unet").mkdir(parents=True)
            (place / "unet" / "weights").write_bytes(b"half")
            return place

        dead, living, other = left(self.ended()), left(os.getpid()), left(12, "00000000")
        self.leave(living, self.ended())
        (tmp_path / f".easel-{files._HOST}-{self.ended()}-0123456789abcdea.tmp").symlink_to(living)
        os.utime(other, (0, 0))
        assert sweep(tmp_path) == 1 and not dead.exists(), "what is new in an old folder is being written"
        assert len(names(living)) == 2 and other.exists()
        for path in (other / "unet" / "weights", other / "unet", other):
            os.utime(path, (0, 0))
        assert sweep(tmp_path) == 1 and not other.exists()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows needs no claims")
    def test_a_claim_left_by_a_killed_process_costs_a_number_until_it_is_swept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", no_links)
        code = (
            "import os; from pathlib import Path; from modules.core.files import write_new\n"
            "def no_links(*a): raise OSError(1, 'no')\n"
            "os.link = no_links; os.rename = lambda *a: os._exit(9)\n"
            f"write_new(Path({str(tmp_path)!r}), '{{:05}}.png'.format, b'killed', 1)"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=60).returncode == 9
        assert not (tmp_path / "00001.png").exists(), "a killed write must not leave its name behind"
        assert write_new(tmp_path, numbered, b"next", 1).name == "00002.png"
        for left in tmp_path.glob(".easel-*"):
            os.utime(left, (0, 0))
        assert sweep(tmp_path) == 2
        assert write_new(tmp_path, numbered, b"next", 1).name == "00001.png"
        assert names(tmp_path) == ["00001.png", "00002.png"]
