"""Writes files so that a process killed at any moment leaves the whole file under its name, or no file of that name.

Data goes into a hidden temporary file in the same folder, is flushed to the disk, and only then gets its name; the folder is flushed last.
Knows no format. Every failure of the disk becomes OutputTrouble with its reason and a remedy.
Source: POSIX link(2), rename(2) and fsync(2); on Windows MoveFile refuses a name that is taken.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from modules.core.errors import OutputTrouble

LEFTOVER_SECONDS = 3600.0
"""No write takes an hour: a temporary file of ours that is older belongs to nobody."""

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_LEFTOVER = re.compile(r"\.easel-(?:(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]{1,9})-[0-9a-f]{16}\.tmp|[0-9a-f]{32}\.claim)")
_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space, then try again."),
    getattr(errno, "EDQUOT", errno.ENOSPC): ("the disk quota is used up", "Free some space, then try again."),
    errno.EROFS: ("the disk is read-only", "Choose another folder, or make the disk writable."),
    errno.EACCES: ("this folder may not be written", "Give Easel the right to write there, or choose another folder."),
    errno.EPERM: ("this folder may not be written", "Give Easel the right to write there, or choose another folder."),
    errno.ENOTDIR: ("a file stands where a folder is needed", "Move that file away, or choose another folder."),
    errno.EEXIST: ("a file stands where a folder is needed", "Move that file away, or choose another folder."),
    errno.EISDIR: ("a folder of that name stands there", "Move that folder away, or choose another name."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name or folder."),
    errno.EMFILE: ("too many files are open", "Close other programs, then try again."),
    errno.ENFILE: ("too many files are open", "Close other programs, then try again."),
    errno.EIO: ("the disk reports an error", "Check the disk, or choose a folder on another one."),
}


def trouble(error: OSError | ValueError, path: Path) -> OutputTrouble:
    """What failed at `path`, in words."""
    number = error.errno if isinstance(error, OSError) else None
    otherwise = getattr(error, "strerror", None) or str(error) or type(error).__name__
    reason, remedy = _REASONS.get(number or 0, (otherwise, "Check the folder, or choose another one."))
    return OutputTrouble(f"{path} could not be written: {reason}.", remedy)


def write_new(folder: Path, name_of: Callable[[int], str], data: bytes, start: int) -> Path:
    """Saves `data` under the first name of name_of(start), name_of(start + 1), ... that is free, and never replaces a file.

    Two threads or processes that save at once get two names. When it returns, the file outlives a power cut. Raises OutputTrouble.
    """
    path = folder
    with _explained(lambda: path):
        make_folder(folder)
        with _temporary(folder, data) as temporary:
            number, before = start, None
            while True:
                path = folder / _plain(name_of(number))
                if path == before:
                    raise OutputTrouble(f"{path} exists already, and its name holds no number that could rise.", "Choose another name, or move that file away.")
                if _publish(temporary, path):
                    break
                number, before = number + 1, path
        _flush_folder(folder)
    return path


@contextlib.contextmanager
def piecewise(path: Path) -> Iterator[BinaryIO]:
    """A file that is written piece by piece and gets its name when the block ends well: whole, flushed, and never in the place of another file.
    What an error or a cancellation leaves is nothing. Raises OutputTrouble."""
    with _explained(lambda: path):
        make_folder(path.parent)
        if os.path.lexists(path):
            raise _taken(path)
        temporary = _hidden(path.parent)
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if not _publish(temporary, path):
                raise _taken(path)
            _flush_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Gives a finished file, or folder, of the same folder its name, durably, and never in the place of another. Raises OutputTrouble."""
    with _explained(lambda: path):
        if temporary.is_dir():
            if os.path.lexists(path):
                raise _taken(path)
            os.rename(temporary, path)
        else:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            if not _publish(temporary, path):
                raise _taken(path)
            temporary.unlink(missing_ok=True)
        _flush_folder(path.parent)


def _taken(path: Path) -> OutputTrouble:
    return OutputTrouble(f"{path.name} exists already.", "Choose another name, or move that file away.")


def replace(path: Path, data: bytes) -> None:
    """Puts `data` in the place of a file, or makes it: a reader sees the old content or the new one, whole. Raises OutputTrouble."""
    with _explained(lambda: path):
        target = Path(os.path.realpath(path))  # a settings file may be a link to the one the user keeps elsewhere
        make_folder(target.parent)
        with _temporary(target.parent, data) as temporary:
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        _flush_folder(target.parent)


def set_aside(path: Path, word: str = "broken") -> Path:
    """Renames a file that cannot be used, so that nothing of it is lost: `history.db` -> `history.db.broken-20260131-235959`. Raises OutputTrouble."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (path.with_name(f"{path.name}.{word}-{stamp}{more}") for more in ("", *(f"-{count}" for count in range(2, 1000))))
    with _explained(lambda: path):
        aside = next(name for name in names if not os.path.lexists(name))
        os.rename(path, aside)
        _flush_folder(path.parent)
    return aside


def make_folder(folder: Path) -> None:
    """The folder and those above it, durably. Raises OutputTrouble."""
    with _explained(lambda: folder):
        missing = [place for place in (folder, *folder.parents) if not place.is_dir()]
        folder.mkdir(parents=True, exist_ok=True)
        for place in missing:
            _flush_folder(place.parent)


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A hidden folder in `folder`, for something of several files that gets its name when it is whole (`publish`); gone at the end, with what is still in it.
    Raises OutputTrouble where it cannot be made."""
    make_folder(folder)
    path = _hidden(folder)
    make_folder(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(folder: Path) -> int:
    """Deletes what killed processes left of all this, in this folder and below: files and folders of ours older than an hour,
    or of a process of this machine that is no longer there. Links are not followed. Returns how many; what cannot be deleted stays."""
    swept = 0
    for place, folders, names in os.walk(folder):
        for name, found in [(name, found) for name in folders if (found := _LEFTOVER.fullmatch(name)) and found["pid"]]:
            folders.remove(name)  # what is written in there now is its writer's
            path = Path(place, name)
            with contextlib.suppress(OSError):
                if not path.is_symlink() and _is_left_over(path, found):
                    shutil.rmtree(path)
                    swept += 1
        for name in names:
            file = _LEFTOVER.fullmatch(name)
            with contextlib.suppress(OSError):
                if file and _is_left_over(Path(place, name), file):
                    os.unlink(os.path.join(place, name))
                    swept += 1
    return swept


def _is_left_over(path: Path, found: re.Match[str]) -> bool:
    """A folder is as old as the newest thing in it."""
    within = (Path(place, name) for place, folders, names in os.walk(path) for name in (*folders, *names))
    if time.time() - max(one.lstat().st_mtime for one in (path, *within)) > LEFTOVER_SECONDS:
        return True
    return found["pid"] is not None and found["host"] == _HOST and not _is_running(int(found["pid"]))


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end it; its age alone decides
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


@contextlib.contextmanager
def _explained(path: Callable[[], Path]) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise trouble(error, path()) from error


@contextlib.contextmanager
def _temporary(folder: Path, data: bytes) -> Iterator[Path]:
    """A flushed file with a hidden name; gone at the end unless it was renamed."""
    path = _hidden(folder)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _hidden(folder: Path) -> Path:
    return folder / f".easel-{_HOST}-{os.getpid()}-{secrets.token_hex(8)}.tmp"


def _plain(name: str) -> str:
    if name in ("", ".", "..") or Path(name).name != name:
        raise OutputTrouble(f"{name!r} is no name for a file.", "Leave out slashes and choose a name that is not empty.")
    return name


def _publish(temporary: Path, path: Path) -> bool:
    """Gives the temporary file its name; False when the name is taken. A hard link does both in one step, wherever the disk has them."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:
        return _publish_by_rename(temporary, path)
    return True


def _publish_by_rename(temporary: Path, path: Path) -> bool:
    """For disks without hard links (FAT, some network folders). On POSIX a rename would replace a file, so a hidden claim on the name
    comes first: of several Easels only its holder looks and renames, and a killed holder leaves a claim, never an empty file under the name."""
    if os.name == "nt":
        try:
            os.rename(temporary, path)
        except FileExistsError:
            return False
        return True
    claim = path.with_name(f".easel-{hashlib.sha256(os.fsencode(path.name.casefold())).hexdigest()[:32]}.claim")
    try:
        os.close(os.open(claim, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    try:
        if os.path.lexists(path):
            return False
        os.rename(temporary, path)
        return True
    finally:
        os.unlink(claim)


def _flush_folder(folder: Path) -> None:
    """Makes a new name durable. Windows flushes names by itself; some disks cannot be asked."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)
