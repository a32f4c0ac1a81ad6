"""jobs.presence: files of the living stay, those of the dead go, on each kind of system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.jobs import presence
from modules.jobs.presence import Presence


class System:
    """This system's `os`, under another name; on "nt" it refuses to delete a file while a descriptor that came from `open` is not closed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held: dict[int, str] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        handle = os.open(path, flags, mode)
        self.held[handle] = os.fspath(path)
        return handle

    def close(self, handle: int) -> None:
        del self.held[handle]
        os.close(handle)

    def unlink(self, path: Path) -> None:
        if (os.fspath(path) in self.held.values()) is (self.name == "nt"):
            raise PermissionError("open on Windows, or not locked any more elsewhere")
        os.unlink(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows is played here")
@pytest.mark.parametrize("name", ["nt", "posix"])
def test_files_of_the_dead_go_and_no_descriptor_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    system = System(name)
    monkeypatch.setattr(presence, "os", system)
    dead = tmp_path / ".easel-0123456789abcdef.alive"
    dead.touch()
    here = Presence(tmp_path)
    assert not dead.exists()
    other = Presence(tmp_path)
    assert other.lives(here.token) and not other.lives("fedcba9876543210")
    here.leave()
    assert not other.lives(here.token)
    other.leave()
    assert list(tmp_path.iterdir()) == [] and system.held == {}
