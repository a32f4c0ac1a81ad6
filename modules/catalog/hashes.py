"""sha256 of model files, remembered in SQLite by path, size and time of change. Knows no model; thread safe.

The cache is a convenience: where its own file cannot be read or written it works in memory, and a damaged one is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from modules.core.errors import BadModelFile

TABLE = "CREATE TABLE IF NOT EXISTS hashes (path BLOB PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, sha256 TEXT NOT NULL)"


class HashCache:
    """path: the database file, its folder is made; None keeps everything in memory. One cache may be shared by all threads of the process, and one file by several processes."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._database = _in_memory() if path is None else _opened(path)
        self.changes = 0
        """How many hashes were computed so far."""

    def known(self, path: Path) -> str:
        """The full hash of a file or folder as it is now; "" where it was never computed or the file has changed since. Quick."""
        return _of_folder(path, self.known) if path.is_dir() else self._known(path, _key(path))

    def known_of(self, paths: Sequence[Path]) -> list[str]:
        """`known` of many at once: one look into the database, and one at each file."""
        with self._lock:
            try:
                rows = {row[0]: row[1:] for row in self._database.execute("SELECT path, size, changed, sha256 FROM hashes")}
            except sqlite3.Error:
                rows = {}
        real: dict[Path, str] = {}
        found = []
        for path in paths:
            try:
                status = os.lstat(path)
            except OSError:
                found.append("")
                continue
            if not stat.S_ISREG(status.st_mode):  # a folder, or a link
                found.append(self.known(path))
                continue
            parent = path.parent
            if parent not in real:
                real[parent] = os.path.realpath(parent)
            row = rows.get(os.fsencode(os.path.join(real[parent], path.name)))
            found.append(row[2] if row and row[:2] == (status.st_size, status.st_mtime_ns) else "")
        return found

    def sha256(self, path: Path) -> str:
        """The full hash of a file, or of a folder: over the lines "relative/name sha256\\n" of its safetensors files, sorted by name.
        Reads the whole file the first time (about a second per GB). Raises BadModelFile when it cannot be read."""
        return _of_folder(path, self.sha256) if path.is_dir() else self._computed(path, _key(path), lambda file: 0)

    def known_data(self, path: Path) -> str:
        """As `known`, of what `data_sha256` computes."""
        return self._known(path, _data_key(path))

    def data_sha256(self, path: Path) -> str:
        """The hash of a safetensors file without its header, which names its weights whatever is written into its metadata: kohya's and A1111's for LoRAs,
        Civitai's AutoV3. Of a file of another format the hash of all of it. Raises BadModelFile when it cannot be read."""
        return self._computed(path, _data_key(path), _after_header)

    def known_other(self, path: Path, name: str) -> str:
        """As `known`, of what `other` computes."""
        return self._known(path, _other_key(path, name))

    def other(self, path: Path, name: str, compute: Callable[[Path], str]) -> str:
        """Another tool's hash of a file (`catalog.old_hashes`), under a name of its own. Raises what `compute` raises."""
        key = _other_key(path, name)
        if found := self._known(path, key):
            return found
        before = _state(path)
        digest = compute(path)
        if digest and before is not None and before == _state(path):
            self._keep(key, before, digest)
        return digest

    def _known(self, path: Path, key: bytes) -> str:
        state = _state(path)
        if state is None:
            return ""
        with self._lock:
            try:
                row = self._database.execute("SELECT size, changed, sha256 FROM hashes WHERE path = ?", (key,)).fetchone()
            except sqlite3.Error:
                return ""
        return row[2] if row and tuple(row[:2]) == state else ""

    def _computed(self, path: Path, key: bytes, first: Callable[[BinaryIO], int]) -> str:
        """first: where in the file to begin."""
        if found := self._known(path, key):
            return found
        before = _state(path)
        try:
            with open(path, "rb") as file:
                file.seek(first(file))
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadModelFile(f"{path.name} cannot be read: {error.strerror or error}.", "Check that it is there and that you may read it.") from None
        if before is not None and before == _state(path):  # not while it is still being copied
            self._keep(key, before, digest)
        return digest

    def _keep(self, key: bytes, state: tuple[int, int], digest: str) -> None:
        with self._lock, contextlib.suppress(sqlite3.Error), self._database:
            self._database.execute("REPLACE INTO hashes VALUES (?, ?, ?, ?)", (key, *state, digest))
            self.changes += 1

    def close(self) -> None:
        with self._lock:
            self._database.close()


def _of_folder(folder: Path, of_file: Callable[[Path], str]) -> str:
    lines = []
    for file in sorted(folder.rglob("*.safetensors"), key=lambda file: file.relative_to(folder).as_posix()):
        digest = of_file(file)
        if not digest:
            return ""
        lines.append(f"{file.relative_to(folder).as_posix()} {digest}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _key(path: Path) -> bytes:
    return os.fsencode(os.path.realpath(path))


def _data_key(path: Path) -> bytes:
    """No path holds a zero byte."""
    return _key(path) + b"\0data"


def _other_key(path: Path, name: str) -> bytes:
    return _key(path) + b"\0" + name.encode()


def _after_header(file: BinaryIO) -> int:
    """Where the tensors of a safetensors file begin; 0 for any other file."""
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    return 8 + length if start[8:] == b"{" and 8 + length <= os.fstat(file.fileno()).st_size else 0


def _opened(path: Path) -> sqlite3.Connection:
    """The database; a damaged file is replaced, and where none can be kept it lives in memory."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(path, timeout=10, check_same_thread=False)
            try:
                database.execute("PRAGMA journal_mode = WAL")
                with database:
                    database.execute(TABLE)
                return database
            except sqlite3.Error as error:
                database.close()
                if getattr(error, "sqlite_errorname", "") not in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                    break
                path.unlink()
        except (OSError, sqlite3.Error):
            break
    return _in_memory()


def _in_memory() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute(TABLE)
    return database
