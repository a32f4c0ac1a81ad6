"""How an App is served, decided before anything is started: address, port, logins, names, and the guarded routes. The same for the page and for the API alone."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from modules.core.errors import InvalidRequest
from modules.core.options import ServeOptions
from modules.serve.address import address_of, free_port, is_exposed, url_of
from modules.serve.door import door
from modules.serve.hosts import Hosts
from modules.serve.logins import Guarded, Login, Logins, Session, make_up

PING = "/internal/ping"
"""Programs that start us wait for it; it says nothing but that we are here, so it needs no login."""


@dataclass(frozen=True)
class Plan:
    """made_up: the login that was made up because other machines can reach us and none was given; None otherwise."""

    options: ServeOptions
    address: str
    port: int
    hosts: Hosts
    page_logins: Logins
    api_logins: Logins
    made_up: Login | None

    @property
    def url(self) -> str:
        return url_of(self.address, self.port, bool(self.options.tls_certfile)) + self.options.subpath

    def door(self, app: ASGIApp, page_routes: Sequence[BaseRoute], api_routes: Sequence[BaseRoute], session: Session = lambda connection: None) -> ASGIApp:
        behind = [route for route in api_routes if getattr(route, "path", "") != PING]
        guarded = [Guarded(page_routes, self.page_logins), Guarded(behind, self.api_logins, session=not self.options.api_logins)]
        return door(app, self.hosts, guarded, session=session, origins=self.options.cors_origins, subpath=self.options.subpath)

    def greeting(self) -> str:
        """What stands in the terminal once the server answers. The first line is AUTOMATIC1111's: other programs wait for it."""
        lines = [f"Running on local URL:  {self.url}"]
        if self.made_up:
            user, password = self.made_up
            lines.append(f"Other machines can reach it, so it asks for a login. User: {user}  password: {password}  (your own: --gradio-auth user:password)")
        return "\n".join(lines)


def plan(options: ServeOptions, first_port: int) -> Plan:
    """Raises InvalidRequest for an address, a port or a certificate that cannot be used."""
    check_certificate(options)
    address = address_of(options)
    exposed = is_exposed(address)
    open_to_all = (exposed or options.share) and not (options.api_logins if options.nowebui else options.logins)
    if options.nowebui and options.logins:
        open_to_all = False
    made_up = make_up() if open_to_all else None
    page = [*options.logins, *([made_up] if made_up else [])]
    return Plan(
        options,
        address,
        free_port(address, options.port, first_port),
        Hosts(address, (*options.allowed_hosts,), exposed),
        Logins(page),
        Logins(options.api_logins or page),
        made_up,
    )


def check_certificate(options: ServeOptions) -> None:
    """Before the server's thread would stumble over it. Raises InvalidRequest."""
    if not options.tls_certfile:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.tls_certfile, options.tls_keyfile, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise InvalidRequest(
            f"{options.tls_certfile} and {options.tls_keyfile} cannot be used for https: {reason}.", "Give a PEM certificate and its key, without a password."
        ) from None
