"""Where to listen: the address, whether others can reach it, and a port that is free."""

from __future__ import annotations

import ipaddress
import os
import socket

from modules.core.errors import InvalidRequest
from modules.core.options import ServeOptions

PAGE_PORT, BARE_PORT = 7860, 7861
PORTS_TRIED = 100
EVERYWHERE = "0.0.0.0"
HERE = "127.0.0.1"


def address_of(options: ServeOptions) -> str:
    """The interface to bind, without brackets."""
    return (options.server_name or (EVERYWHERE if options.listen else HERE)).strip("[]")


def is_exposed(address: str) -> bool:
    """Whether other machines can reach it. Raises InvalidRequest for a name that is no address of any machine."""
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidRequest(
            f"--server-name {address[:100]!r} is no address of this machine.", "Give 0.0.0.0 for all of its addresses, or leave it out."
        ) from None
    return not all(ipaddress.ip_address(str(place[4][0]).split("%")[0]).is_loopback for place in found)


def free_port(address: str, wanted: int | None, first: int) -> int:
    """The wanted port, or the first free one from `first` on. Raises InvalidRequest with what to do when it is taken, or not ours to use."""
    for port in (wanted,) if wanted is not None else range(first, first + PORTS_TRIED):
        reason = why_not(address, port)
        if not reason:
            return port
    if wanted is None:
        raise InvalidRequest(
            f"All ports from {first} to {first + PORTS_TRIED - 1} are taken: {reason}.", "End a program that uses one, or choose another with --port."
        )
    raise InvalidRequest(
        f"Port {wanted} of {address} cannot be used: {reason}.",
        "End the program that uses it, choose another with --port, or leave --port out to take the next free one.",
    )


def why_not(address: str, port: int) -> str:
    """ "" when the port can be listened on at this moment."""
    try:
        (family, kind, protocol, _, place), *_ = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(family, kind, protocol) as test:
            if os.name != "nt":  # there it would let two programs share a port; elsewhere it only forgets connections that are over
                test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            test.bind(place)
            test.listen(1)
    except (OSError, OverflowError) as error:
        return (getattr(error, "strerror", None) or str(error)).lower()
    return ""


def url_of(address: str, port: int, secure: bool) -> str:
    """What a person types. An address that stands for all is shown as this machine."""
    shown = {EVERYWHERE: "127.0.0.1", "::": "[::1]"}.get(address, f"[{address}]" if ":" in address else address)
    return f"{'https' if secure else 'http'}://{shown}:{port}"
