"""Tells whether the process that wrote a row still lives: each holds a lock on a small file of its own, which the system lets go when it dies,
however it dies. Several processes (a server, a command line) share one history, and only the jobs of dead ones are taken over.

Where a disk has no locks, everybody else counts as dead; a single process still recovers as it should.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from modules.core.files import trouble

if os.name == "nt":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TAKEN = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
"""What a lock that somebody holds is refused with; any other error means that there are no locks here."""


class Presence:
    """`token` stands for this process in the rows that it writes. Raises OutputTrouble where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        while True:
            self.token = secrets.token_hex(8)
            path = self._path(self.token)
            try:
                self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            except OSError as error:
                raise trouble(error, path) from error
            with contextlib.suppress(OSError):
                _lock(self._handle)
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(path), os.fstat(self._handle)):
                    break
            os.close(self._handle)  # another process took it for left over, between its making and its locking
        self._clear()

    @property
    def stands(self) -> bool:
        """False when somebody deleted our file."""
        return self._path(self.token).exists()

    def lives(self, token: str) -> bool:
        """Whether the process of that token is there; this one is."""
        if token == self.token:
            return True
        try:
            handle = os.open(self._path(token), os.O_RDWR)
        except OSError:
            return False
        try:
            _lock(handle)
        except OSError as error:
            return error.errno in _TAKEN
        else:
            self._remove(token, handle)
            handle = -1
            return False
        finally:
            if handle >= 0:
                os.close(handle)

    def leave(self) -> None:
        """From now on this process counts as gone."""
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        self._remove(self.token, handle)

    def _remove(self, token: str, handle: int) -> None:
        """Windows deletes no file that is open; elsewhere the lock has to be held until the file is gone, or another process could meet it in between."""
        if os.name == "nt":
            os.close(handle)
        with contextlib.suppress(OSError):
            os.unlink(self._path(token))
        if os.name != "nt":
            os.close(handle)

    def _path(self, token: str) -> Path:
        return self._folder / f".easel-{token}.alive"

    def _clear(self) -> None:
        """Deletes what dead processes left."""
        for path in self._folder.glob(".easel-*.alive"):
            self.lives(path.name.removeprefix(".easel-").removesuffix(".alive"))
