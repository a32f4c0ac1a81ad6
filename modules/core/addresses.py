"""Which web addresses may be asked, and a connection to the very address that was checked. Knows no content.

A name is resolved once and the connection goes to what was checked, so that it cannot change in between (DNS rebinding); each redirect is a new address.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}
MOVED = (301, 302, 303, 307, 308)

Resolve = Callable[[str, int], list[str]]


class Refused(Exception):
    """Why an address is not asked, as the end of a sentence."""


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


def connected(parts: SplitResult, seconds: float, resolve: Resolve, allowed: Callable[[str], bool]) -> http.client.HTTPConnection:
    """An open connection, on which nothing was asked yet. seconds: of silence that it bears. Raises Refused, OSError."""
    host, port = place(parts)
    addresses = resolve(host, port)
    if not addresses or not all(allowed(address) for address in addresses):
        raise Refused("it is not at a public address")
    if seconds <= 0:
        raise TimeoutError
    secret = parts.scheme == "https"
    connection = http.client.HTTPSConnection(host, port) if secret else http.client.HTTPConnection(host, port)
    plain = socket.create_connection((addresses[0], port), seconds)
    try:
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secret else plain
    except BaseException:
        plain.close()
        raise
    return connection


def parts_of(url: str) -> SplitResult:
    """Raises Refused for what is no plain web address."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise Refused("only http and https are followed")
    if parts.username is not None or parts.password is not None:
        raise Refused("addresses with a login are not followed")
    if any(ord(mark) <= 32 or ord(mark) > 126 for mark in parts.path + parts.query + parts.hostname):
        raise Refused("the address holds characters that it may not")
    return parts


def place(parts: SplitResult) -> tuple[str, int]:
    """Host and port."""
    return parts.hostname or "", parts.port or PORTS[parts.scheme]


def target(parts: SplitResult) -> str:
    """What is asked for at the host."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def shown(url: str) -> str:
    """What of an address an error may show: the rest may hold a key."""
    try:
        return (urlsplit(url).hostname or "that address")[:80]
    except ValueError:
        return "that address"
