"""The page and the API in one server of Gradio's, with our routes beside its own and our door in front of both.

`Blocks.launch` serves it, not a mounted app: only then does Gradio guard which files it hands out, and only then can it share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from modules.api import server as api
from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.options import Options
from modules.serve.address import PAGE_PORT
from modules.serve.ending import Ending
from modules.serve.plan import Plan, plan
from modules.ui import build

HEAD_START = 1.0
"""Seconds for the first page to be fetched and drawn, before torch and the model load beside it."""

UPLOAD_LIMIT = "256mb"
"""Of one file that a page sends: a picture to read."""


def serve(app: App, options: Options) -> int:
    """Serves until Ctrl+C or SIGTERM. -> exit code. Raises InvalidRequest when it cannot begin."""
    chosen = plan(options.serve, PAGE_PORT)
    with Ending() as ending:
        blocks = launch(app, options, chosen)
        print(chosen.greeting(), flush=True)
        try:
            if not ending.wait(HEAD_START):
                app.start()
                ending.wait()
        finally:
            app.stop()
            blocks.close(verbose=False)
    return 0


def launch(app: App, options: Options, chosen: Plan) -> Any:
    """Starts the server in a thread. -> the running `gradio.Blocks`."""
    page = build.page(app)
    api_routes = api.routes(app, options)

    @asynccontextmanager
    async def lifespan(gradio: Starlette) -> AsyncIterator[None]:
        """By the time this runs Gradio has put its middleware in place, and no request has come in yet: the door goes in front of it all."""
        if gradio.middleware_stack is None:
            raise RuntimeError("the door cannot be put in front: the middleware stack is not built yet")
        gradio.middleware_stack = chosen.door(gradio.middleware_stack, page.routes, api_routes, lambda connection: session_user(gradio, connection))
        yield

    serving = options.serve
    address = f"[{chosen.address}]" if ":" in chosen.address else chosen.address
    how: dict[str, Any] = {
        "prevent_thread_lock": True,
        "quiet": True,
        "server_name": address,
        "server_port": chosen.port,
        "auth": chosen.page_logins.match if chosen.page_logins else None,
        "share": serving.share,
        "inbrowser": serving.autolaunch or app.settings.value.autolaunch,
        "ssl_keyfile": serving.tls_keyfile or None,
        "ssl_certfile": serving.tls_certfile or None,
        "ssl_verify": False,  # Gradio's question to itself, not anybody else's
        "root_path": serving.subpath,
        "app_kwargs": {"routes": [*page.routes, *api_routes], "lifespan": lifespan},
        "allowed_paths": [],
        "_frontend": False,  # else Gradio asks itself for the page, and gives up the start where a busy machine needs more than three seconds for it
        "max_file_size": UPLOAD_LIMIT,
        "show_error": True,
        **dict.fromkeys(("run_history", "enable_monitoring", "pwa", "ssr_mode", "mcp_server"), False),
    }
    try:
        _, _, shared = page.blocks.launch(**{**page.launch, **how})
    except OSError as error:
        raise InvalidRequest(f"Port {chosen.port} of {chosen.address} cannot be used: {error}.", "Choose another with --port.") from None
    if shared:
        chosen.hosts.allow(urlsplit(shared).hostname or "")
    page.blocks.share = False  # Gradio's page for shared servers loads its scripts from elsewhere; ours are here
    return page.blocks


def session_user(gradio: Any, connection: HTTPConnection) -> str | None:
    """The user who logged in on Gradio's login page: its cookie holds a token that the server has handed out."""
    for name in (f"access-token-{gradio.cookie_id}", f"access-token-unsecure-{gradio.cookie_id}"):
        if user := gradio.tokens.get(connection.cookies.get(name)):
            return str(user)
    return None
