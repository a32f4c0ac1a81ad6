"""Fetches one picture from the web, for clients that send its address: public addresses only, so many bytes, so many seconds. Knows no format.

Nothing of ours is sent along: no cookies, no login, and no proxy of the environment stands in between. Which addresses may be asked: `core.addresses`.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin

from modules import __version__
from modules.core.addresses import MOVED, Refused, Resolve, connected, is_public, parts_of, resolved, shown, target
from modules.core.errors import BadPicture

REDIRECTS = 3
SECONDS = 20.0
"""For all of it: names, connections, redirects and the picture."""
SILENCE = 8.0
"""Seconds that one answer may let wait."""
HEADERS = {"User-Agent": f"Easel/{__version__}", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
REMEDY = "Send the picture itself in base64."


@dataclass(frozen=True)
class Fetcher:
    """limit: bytes of a picture. resolve, allowed: how names become addresses, and which of those may be asked."""

    limit: int
    resolve: Resolve = resolved
    allowed: Callable[[str], bool] = is_public
    seconds: float = SECONDS

    def get(self, url: str, field: str) -> bytes:
        """The body of what stands there. Raises BadPicture that names the field, and of the address no more than its host."""
        end = time.monotonic() + self.seconds
        try:
            for _ in range(REDIRECTS + 1):
                status, place, body = self._ask(parts_of(url), end)
                if status not in MOVED:
                    break
                url = urljoin(url, place)
            else:
                raise Refused(f"it was redirected more than {REDIRECTS} times")
            if status != 200:
                raise Refused(f"the answer was {status}")
            return body
        except Refused as refused:
            reason = str(refused)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ssl's and socket's errors are OSErrors
            late = time.monotonic() >= end or isinstance(error, TimeoutError)
            reason = "it took too long" if late else f"it cannot be reached ({type(error).__name__})"
        raise BadPicture(f"{field}: the picture at {shown(url)} was not fetched: {reason}.", REMEDY, field)

    def _ask(self, parts: SplitResult, end: float) -> tuple[int, str, bytes]:
        """(status, where it was moved to, body) of one request."""
        connection = connected(parts, min(SILENCE, end - time.monotonic()), self.resolve, self.allowed)
        guard = threading.Timer(max(end - time.monotonic(), 0), _cut, [connection.sock])  # an answer that drips byte by byte keeps every timeout of its own
        guard.daemon = True
        guard.start()
        try:
            connection.request("GET", target(parts), headers=HEADERS)
            reply = connection.getresponse()
            if reply.status in MOVED:
                return reply.status, reply.getheader("location", ""), b""
            if (announced := reply.getheader("content-length", "")).isdigit() and int(announced[:20]) > self.limit:
                raise Refused(f"it has more than {self.limit // 2**20} MiB")
            body = bytearray()
            while piece := reply.read1(65536):
                body += piece
                if len(body) > self.limit:
                    raise Refused(f"it has more than {self.limit // 2**20} MiB")
            if time.monotonic() >= end or (announced.isdigit() and len(body) < int(announced[:20])):
                raise TimeoutError
            return reply.status, "", bytes(body)
        finally:
            guard.cancel()
            connection.close()


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
