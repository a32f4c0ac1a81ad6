"""Fetches one picture from the web, for clients that send its address: public addresses only, so many bytes, so many seconds. Knows no format.

A name is resolved once and the connection goes to the very address that was checked, so that it cannot change in between (DNS rebinding); each redirect
is a new address, checked again. Nothing of ours is sent along: no cookies, no login, and no proxy of the environment stands in between.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from modules import __version__
from modules.core.errors import BadPicture

REDIRECTS = 3
SECONDS = 20.0
"""For all of it: names, connections, redirects and the picture."""
SILENCE = 8.0
"""Seconds that one answer may let wait."""
PORTS = {"http": 80, "https": 443}
HEADERS = {"User-Agent": f"Easel/{__version__}", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
MOVED = (301, 302, 303, 307, 308)
REMEDY = "Send the picture itself in base64."

Resolve = Callable[[str, int], list[str]]


def resolved(host: str, port: int) -> list[str]:
    """Every address of a host. Raises OSError."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_public(address: str) -> bool:
    """True for an address that anyone may reach: no private, local, shared, multicast or reserved one, nor an IPv6 one that stands for such an IPv4 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


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
                status, place, body = self._ask(_parts(url), end)
                if status not in MOVED:
                    break
                url = urljoin(url, place)
            else:
                raise _Refused(f"it was redirected more than {REDIRECTS} times")
            if status != 200:
                raise _Refused(f"the answer was {status}")
            return body
        except _Refused as refused:
            reason = str(refused)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ssl's and socket's errors are OSErrors
            late = time.monotonic() >= end or isinstance(error, TimeoutError)
            reason = "it took too long" if late else f"it cannot be reached ({type(error).__name__})"
        raise BadPicture(f"{field}: the picture at {_host(url)} was not fetched: {reason}.", REMEDY, field)

    def _ask(self, parts: SplitResult, end: float) -> tuple[int, str, bytes]:
        """(status, where it was moved to, body) of one request."""
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        secret = parts.scheme == "https"
        connection = http.client.HTTPSConnection(host, port) if secret else http.client.HTTPConnection(host, port)
        connection.sock = self._connected(host, port, secret, end)
        guard = threading.Timer(max(end - time.monotonic(), 0), _cut, [connection.sock])  # an answer that drips byte by byte keeps every timeout of its own
        guard.daemon = True
        guard.start()
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers=HEADERS)
            reply = connection.getresponse()
            if reply.status in MOVED:
                return reply.status, reply.getheader("location", ""), b""
            if (announced := reply.getheader("content-length", "")).isdigit() and int(announced[:20]) > self.limit:
                raise _Refused(f"it has more than {self.limit // 2**20} MiB")
            body = bytearray()
            while piece := reply.read1(65536):
                body += piece
                if len(body) > self.limit:
                    raise _Refused(f"it has more than {self.limit // 2**20} MiB")
            if time.monotonic() >= end or (announced.isdigit() and len(body) < int(announced[:20])):
                raise TimeoutError
            return reply.status, "", bytes(body)
        finally:
            guard.cancel()
            connection.close()

    def _connected(self, host: str, port: int, secret: bool, end: float) -> socket.socket:
        addresses = self.resolve(host, port)
        if not addresses or not all(self.allowed(address) for address in addresses):
            raise _Refused("it is not at a public address")
        seconds = min(SILENCE, end - time.monotonic())
        if seconds <= 0:
            raise TimeoutError
        plain = socket.create_connection((addresses[0], port), seconds)
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secret else plain
        except BaseException:
            plain.close()
            raise


class _Refused(Exception):
    """Why, as the end of a sentence."""


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise _Refused("only http and https are followed")
    if parts.username is not None or parts.password is not None:
        raise _Refused("addresses with a login are not followed")
    if any(ord(mark) <= 32 or ord(mark) > 126 for mark in parts.path + parts.query + parts.hostname):
        raise _Refused("the address holds characters that it may not")
    return parts


def _host(url: str) -> str:
    """What of an address an error may show: the rest may hold a key."""
    try:
        return (urlsplit(url).hostname or "that address")[:80]
    except ValueError:
        return "that address"


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
