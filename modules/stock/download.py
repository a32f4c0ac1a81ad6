"""One file from the web onto the disk: in pieces, gone on with where it was left, checked by size and hash, and under its name only when it is whole.

What was fetched of a file lies hidden in its folder, in a file named after its source; the next attempt asks only for the rest, and only while the source says
that it is still the same (RFC 9110, If-Range). Knows no hub and no model.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from modules import __version__
from modules.core.addresses import MOVED, Refused, Resolve, connected, is_public, parts_of, place, resolved, shown, target
from modules.core.errors import BadModelFile, OutputTrouble, Unavailable
from modules.core.files import make_folder, publish, replace, trouble

REDIRECTS = 6
SILENCE = 30.0
"""Seconds without a byte after which a connection is given up."""
PIECE = 2**20
TRIES = 5
"""Attempts in a row that bring nothing."""
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between them."""
LARGEST = 400 * 10**9
RESERVE = 2**29
"""Bytes of a disk that are left free."""
HEADERS = {"User-Agent": f"Easel/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}

Report = Callable[[int, int], None]
"""(bytes that are there, bytes in all or 0); raises to end the work."""


@dataclass(frozen=True)
class Web:
    """trusted: "host:port" of a hub that the person who runs this chose; it need not be at a public address. resolve, allowed: as in `core.addresses`."""

    trusted: str = ""
    resolve: Resolve = resolved
    allowed: Callable[[str], bool] = is_public
    pauses: tuple[float, ...] = PAUSES

    def may(self, parts: SplitResult) -> Callable[[str], bool]:
        return (lambda address: True) if self.trusted and ":".join(map(str, place(parts))) == self.trusted else self.allowed


@dataclass(frozen=True)
class Wanted:
    """url: where it lies. target: what it is to be. size, sha256: as its source announces them; 0 and "" where it does not. secret: headers for that host alone.
    same: what names this very content, so that a file that was begun is gone on with; the url where it is ""."""

    url: str
    target: Path
    size: int = 0
    sha256: str = ""
    secret: Mapping[str, str] = field(default_factory=dict)
    same: str = ""

    @property
    def part(self) -> Path:
        """Where it lies until it is whole."""
        return self.target.with_name(f".easel-{hashlib.blake2s((self.same or self.url).encode(), digest_size=12).hexdigest()}.part")


def fetch(wanted: Wanted, web: Web, report: Report, check: Callable[[Path], None] = lambda path: None, stop: threading.Event | None = None) -> None:
    """check: looks at the whole file before it gets its name. stop: set when `report` is going to raise, so that a silent source keeps nobody waiting. Raises BadModelFile for a wrong content, which is deleted; Unavailable where it cannot be had
    (what is there stays, to be gone on with), OutputTrouble, and what `report` or `check` raises."""
    if os.path.lexists(wanted.target):
        raise OutputTrouble(f"{wanted.target.name} exists already.", "Choose another name, or move that file away.")
    make_folder(wanted.target.parent)
    failed = 0
    while True:
        before = _there(wanted.part)
        try:
            total = _go_on(wanted, web, report, stop or threading.Event())
            break
        except Refused as refused:
            raise Unavailable(f"{wanted.target.name} was not fetched from {shown(wanted.url)}: {refused}.", "Check the address.") from None
        except (http.client.HTTPException, ConnectionError, TimeoutError, _Short) as error:
            report(_there(wanted.part), wanted.size)
            failed = 0 if _there(wanted.part) > before else failed + 1
            if failed >= TRIES:
                reason = "the connection broke again and again" if _there(wanted.part) else f"it cannot be reached ({type(error).__name__})"
                raise Unavailable(f"{wanted.target.name} was not fetched whole: {reason}.", "Try again later; what is there is gone on with.") from None
            _wait(web.pauses[min(failed, len(web.pauses)) - 1] if failed else 0.0, wanted, report)
        except OSError as error:
            if error.filename or error.errno in (28, 122):  # of the disk
                raise trouble(error, wanted.target) from None
            failed += 1
            if failed >= TRIES:
                raise Unavailable(f"{shown(wanted.url)} cannot be reached ({error.strerror or type(error).__name__}).", "Try again later.") from None
            _wait(web.pauses[min(failed, len(web.pauses)) - 1], wanted, report)
    _checked(wanted, total, report)
    check(wanted.part)
    publish(wanted.part, wanted.target)
    forget(wanted)


def forget(wanted: Wanted) -> None:
    """Deletes what was fetched of a file that is not whole."""
    for path in (wanted.part, _note(wanted.part)):
        path.unlink(missing_ok=True)


class _Short(Exception):
    """The answer ended before its end."""


def _go_on(wanted: Wanted, web: Web, report: Report, stop: threading.Event) -> int:
    """Fetches what is missing. -> the size of the whole, 0 where it was not told."""
    there, note = _there(wanted.part), _told(wanted.part)
    if wanted.size and there == wanted.size:
        return wanted.size
    headers = dict(HEADERS)
    if there and (note.get("etag") or wanted.sha256):
        headers["Range"] = f"bytes={there}-"
        if note.get("etag"):
            headers["If-Range"] = note["etag"]
    connection, sock, reply = _asked(wanted, web, headers)
    over = threading.Event()
    threading.Thread(target=_cut, args=(sock, stop, over), daemon=True).start()
    try:
        if reply.status == 416 and there:
            _restart(wanted)
            raise _Short
        if reply.status not in (200, 206):
            raise Refused(_why(reply.status))
        start, total = _span(reply, there)
        if start != there:
            there = 0
        etag = reply.getheader("etag", "")
        replace(_note(wanted.part), json.dumps({"etag": "" if etag.startswith("W/") else etag}).encode())
        _bounded(wanted, total)
        with open(wanted.part, "r+b" if there else "wb") as file:
            file.seek(there)
            file.truncate()
            while True:
                report(there, total or wanted.size)
                piece = reply.read1(PIECE)
                if not piece:
                    break
                file.write(piece)
                there += len(piece)
                if there > (total or wanted.size or LARGEST):
                    raise Refused("more came than was announced")
                if there % (64 * PIECE) < len(piece):
                    _room(wanted.target, PIECE)
        if total and there < total:
            raise _Short
        return total
    finally:
        over.set()
        connection.close()


def _cut(sock: socket.socket, stop: threading.Event, over: threading.Event) -> None:
    """Ends a read that waits for a silent source."""
    while not over.wait(0.1):
        if stop.is_set():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return


def _asked(wanted: Wanted, web: Web, headers: Mapping[str, str]) -> tuple[http.client.HTTPConnection, socket.socket, http.client.HTTPResponse]:
    """The answer at the end of all redirects. The connection lets go of its socket when it is told that nothing else will come."""
    url, home = wanted.url, place(parts_of(wanted.url))
    for _ in range(REDIRECTS + 1):
        parts = parts_of(url)
        connection = connected(parts, SILENCE, web.resolve, web.may(parts))
        sock = connection.sock
        try:
            connection.request("GET", target(parts), headers={**headers, **(wanted.secret if place(parts) == home else {})})
            reply = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        if reply.status not in MOVED:
            return connection, sock, reply
        connection.close()
        after = urljoin(url, reply.getheader("location", ""))
        if parts.scheme == "https" and urlsplit(after).scheme != "https":
            raise Refused("it was redirected to an address without encryption")
        url = after
    raise Refused(f"it was redirected more than {REDIRECTS} times")


def _span(reply: http.client.HTTPResponse, there: int) -> tuple[int, int]:
    """(first byte that comes, size of the whole or 0)."""
    if reply.status == 206:
        found = re.fullmatch(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", reply.getheader("content-range", "").strip())
        if found and int(found[1]) == there:
            return there, 0 if found[3] == "*" else int(found[3])
        raise Refused("the answer holds another part than was asked for")
    length = reply.getheader("content-length", "")
    return 0, int(length) if length.isdigit() and len(length) < 16 else 0


def _why(status: int) -> str:
    reasons = {
        401: "a login is needed there (401)",
        403: "it may not be read with this login (403)",
        404: "there is nothing at that address (404)",
        429: "it asks for a pause (429)",
    }
    return reasons.get(status, f"the answer was {status}")


def _bounded(wanted: Wanted, total: int) -> None:
    if wanted.size and total and total != wanted.size:
        raise Refused(f"it has {total} bytes instead of the announced {wanted.size}")
    if total > LARGEST:
        raise Refused(f"it has more than {LARGEST // 10**9} GB")
    _room(wanted.target, max(total - _there(wanted.part), 0))


def _room(path: Path, more: int) -> None:
    """Raises OutputTrouble where the disk could not hold so many more bytes."""
    free = shutil.disk_usage(path.parent).free
    if free < more + RESERVE:
        raise OutputTrouble(f"{path.parent} has {free / 1e9:.1f} GB free; {more / 1e9:.1f} GB more are to come.", "Free some space, then try again.")


def _checked(wanted: Wanted, total: int, report: Report) -> None:
    size = _there(wanted.part)
    if wanted.size and size != wanted.size:
        forget(wanted)
        raise BadModelFile(f"{wanted.target.name} has {size} bytes instead of the announced {wanted.size}.", "Fetch it again.")
    if not wanted.sha256:
        return
    digest = hashlib.sha256()
    with open(wanted.part, "rb") as file:
        while piece := file.read(8 * PIECE):
            digest.update(piece)
            report(size, size)
    if digest.hexdigest() != wanted.sha256.lower():
        forget(wanted)
        raise BadModelFile(
            f"{wanted.target.name} is not what its source announced: its sha256 begins with {digest.hexdigest()[:10]} instead of {wanted.sha256[:10]}.",
            "Fetch it again; if that does not help, do not trust that source.",
        )


def _restart(wanted: Wanted) -> None:
    forget(wanted)


def _wait(seconds: float, wanted: Wanted, report: Report) -> None:
    """A pause that a cancellation ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        report(_there(wanted.part), wanted.size)
        time.sleep(min(0.1, seconds))


def _there(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _note(part: Path) -> Path:
    return part.with_suffix(".json")


def _told(part: Path) -> dict[str, str]:
    try:
        found = json.loads(_note(part).read_bytes()[:4096])
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def name_in(url: str) -> str:
    """The file name at the end of an address; "" where there is none."""
    return unquote(urlsplit(url).path.rpartition("/")[2])[:200]
