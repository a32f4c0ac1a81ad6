"""Which names this server answers to, and to which pages.

A page of another site can make its own name resolve to 127.0.0.1 and then talk to us as if we were it (DNS rebinding); what gives it away is the
Host header. A page that keeps its own name is given away by the Origin header, which browsers send with every cross-origin request that can do
something. Both are checked for plain requests, streams and WebSockets alike. Source: RFC 9110 7.2, RFC 6454.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = ("localhost", "127.0.0.1", "::1")
SHOWN = 100
"""Characters of a refused name in the answer."""


class Hosts:
    """The names that this server goes by. exposed: served to other machines; an address given as a number is then fine, for no name can be bent to it."""

    def __init__(self, bound: str, allowed: Iterable[str] = (), exposed: bool = False) -> None:
        self._exposed = exposed
        self._named = {bare(name) for name in allowed}
        self._known = {*LOCAL, bare(bound), *self._named}
        if exposed:
            machine = socket.gethostname().lower()
            self._known |= {machine, machine.split(".")[0], f"{machine.split('.')[0]}.local"}

    def allow(self, name: str) -> None:
        """A name that was learned later: the public link's."""
        self._named.add(bare(name))
        self._known.add(bare(name))

    def knows(self, host: str) -> bool:
        """host: a Host header, with or without a port."""
        name = bare(host)
        return bool(name) and (name in self._known or self._is_number(name))

    def is_named(self, host: str) -> bool:
        """Whether somebody said explicitly that this name stands for us, so that a page of that name is our page."""
        return bare(host) in self._named

    def _is_number(self, name: str) -> bool:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._exposed or address.is_loopback


def bare(host: str) -> str:
    """A host name without port, brackets and case: "[::1]:7860" -> "::1"."""
    try:
        return (urlsplit(f"//{host.strip()}" if host.count(":") < 2 or "[" in host else f"//[{host.strip()}]").hostname or "").rstrip(".")
    except ValueError:
        return ""


class HostAndOrigin:
    """ASGI: lets through what comes under a known name and from our own page, or from an origin of `origins` ("*": from any)."""

    def __init__(self, app: ASGIApp, hosts: Hosts, origins: Iterable[str] = ()) -> None:
        self._app, self._hosts, self._origins = app, hosts, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.refusal(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else ""
        if not refusal:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[:SHOWN]})
        else:
            await PlainTextResponse(refusal + "\n", 403, {"x-content-type-options": "nosniff"})(scope, receive, send)

    def refusal(self, headers: Headers) -> str:
        """Why a request is refused; "" when it is not."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._hosts.knows(hosts[0]):
            return f"Easel does not answer to the host name {', '.join(hosts)[:SHOWN]!r}. If it is yours, start with --allowed-hosts NAME."
        if not origins or all(self._is_welcome(origin, hosts[0]) for origin in origins):
            return ""
        return f"Easel does not answer pages of {', '.join(origins)[:SHOWN]!r}. If it is yours, start with --cors-allow-origins ORIGIN."

    def _is_welcome(self, origin: str, host: str) -> bool:
        """Our own page has our host and port in its origin. (Not compared: http or https, which a proxy in front may change.)"""
        if origin in self._origins or "*" in self._origins:
            return True
        try:
            place = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        return bool(place) and (place == host.strip().lower() or self._hosts.is_named(place))
