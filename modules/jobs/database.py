"""One SQLite file that outlives crashes: opened when it is first needed, brought to the present schema, set aside when it is damaged or foreign.

Write-ahead log with every commit flushed, but for those that only a crash of the process must not undo. One connection, one lock: the work is a few rows at a time, and other processes may write meanwhile.
Knows no table. Every failure becomes OutputTrouble, and the next use tries again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, set_aside

APPLICATION = 0x4541534C
"""Marks the file as ours, in SQLite's header ("EASL")."""
BUSY_SECONDS = 10.0
CHECKED_BYTES = 64 * 2**20
"""Up to this size a file is checked whole when it is opened; a larger one only after a crash."""

_REASONS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Free some space, then try again."),
    sqlite3.SQLITE_READONLY: ("it may not be written", "Give Easel the right to write there, or choose another folder with --data-dir."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Give Easel the right to write in this folder, or choose another one with --data-dir."),
    sqlite3.SQLITE_PERM: ("it may not be opened", "Give Easel the right to write there, or choose another folder with --data-dir."),
    sqlite3.SQLITE_BUSY: ("another program holds it", "Close the program that has it open, then try again."),
    sqlite3.SQLITE_LOCKED: ("another program holds it", "Close the program that has it open, then try again."),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "Check the disk and its free space, then try again."),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", "Start Easel again: it is then set aside and a new one begun."),
    sqlite3.SQLITE_NOTADB: ("it is damaged", "Start Easel again: it is then set aside and a new one begun."),
}


class Database:
    """migrations: scripts that lead from version n to n + 1; their number is the present version. notes: what the user should know, one sentence each."""

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        self.notes: list[str] = []
        self._migrations = migrations
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: os.stat_result | None = None
        self._closed = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Raises OutputTrouble, as `writing` does."""
        with self._lock, _explained(self.path):
            yield self._open()

    @contextlib.contextmanager
    def writing(self, flushed: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on the disk when it is left, or nothing. flushed: a power cut cannot take it back, either; what comes
        with the next one that is flushed need not wait for the disk itself."""
        with self._lock, _explained(self.path):
            connection = self._open()
            connection.execute(f"PRAGMA synchronous = {'FULL' if flushed else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """For good."""
        with self._lock:
            self._closed = True
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise OutputTrouble(f"The history {self.path} is closed.", "Start Easel again.")
        if self._connection is not None and self._is_in_place():
            return self._connection
        self._drop()
        make_folder(self.path.parent)
        try:
            self._connection = self._prepared()
        except sqlite3.DatabaseError as error:
            if _code(error) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
            self._begin_anew("damaged", "broken")
            self._connection = self._prepared()
        return self._connection

    def _is_in_place(self) -> bool:
        """False when somebody deleted or moved the file while it was open: what is written to it then would be lost."""
        try:
            return self._identity is not None and os.path.samestat(os.stat(self.path), self._identity)
        except OSError:
            return False

    def _prepared(self) -> sqlite3.Connection:
        """A connection to a sound file of the present version. When two processes open a new file at once, SQLite may refuse one whatever its busy timeout."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            crashed = self.path.with_name(self.path.name + "-wal").exists()
            self._identity = os.stat(self.path) if self.path.exists() else None
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                connection.row_factory = sqlite3.Row
                if self._is_foreign(connection):
                    connection.close()
                    self._begin_anew("of another program or of a later Easel", "foreign")
                    continue
                self._check(connection, crashed)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                self._migrate(connection)
                self._identity = os.stat(self.path)
                return connection
            except sqlite3.Error as error:
                connection.close()
                if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _is_foreign(self, connection: sqlite3.Connection) -> bool:
        connection.execute("BEGIN")  # one snapshot: another process may be making the tables just now
        mark, version, tables = (
            connection.execute(question).fetchone()[0] for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        connection.execute("COMMIT")
        return bool((tables and mark != APPLICATION) or version > len(self._migrations))

    def _check(self, connection: sqlite3.Connection, crashed: bool) -> None:
        """Looks for damage; SQLite itself would meet it only when it needs the damaged page."""
        if crashed or self.path.stat().st_size <= CHECKED_BYTES:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                damage = sqlite3.DatabaseError(verdict)
                damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damage

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA user_version").fetchone()[0] == len(self._migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            for script in self._migrations[version:]:
                for statement in script.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(self._migrations)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _begin_anew(self, reason: str, word: str) -> None:
        if not self._is_in_place():
            return  # another process was quicker
        aside = set_aside(self.path, word)
        for tail in ("-wal", "-shm"):  # the log belongs to the file that was set aside, and is needed to read it
            with contextlib.suppress(OSError):
                os.rename(f"{self.path}{tail}", f"{aside}{tail}")
        self.notes.append(f"The history {self.path} is {reason}. It was kept as {aside.name}, and a new one begun; the pictures themselves are untouched.")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        reason, remedy = _REASONS.get(_code(error), (f"the database says {error}", "Try again; if it stays so, start Easel again."))
        raise OutputTrouble(f"The history {path} could not be used: {reason}.", remedy) from error
    except OSError as error:
        what = f"The history {path} could not be used: {error.strerror or error}."
        raise OutputTrouble(what, "Check this folder, or choose another one with --data-dir.") from error
