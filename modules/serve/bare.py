"""The API alone (`--nowebui`): our routes behind the same door, without a page and without importing gradio."""

from __future__ import annotations

import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from modules.api import server as api
from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.options import Options
from modules.serve.address import BARE_PORT
from modules.serve.ending import Ending
from modules.serve.plan import Plan, plan

START_SECONDS = 120.0
"""Never a measure of speed: a server that cannot start ends at once, and a busy machine may take long."""


def serve(app: App, options: Options) -> int:
    """Serves until Ctrl+C or SIGTERM. -> exit code. Raises InvalidRequest when it cannot begin."""
    chosen = plan(options.serve, BARE_PORT)
    with Ending() as ending:
        server = launch(app, options, chosen)
        print(chosen.greeting(), flush=True)
        try:
            app.start()
            ending.wait()
        finally:
            app.stop()
            server.should_exit = True
    return 0


def launch(app: App, options: Options, chosen: Plan) -> uvicorn.Server:
    """Starts the server in a thread and waits until it answers."""
    routes = api.routes(app, options)
    inside = Starlette(routes=[*routes, Route("/", _hello)])
    config = uvicorn.Config(
        chosen.door(inside, [], routes),
        host=chosen.address,
        port=chosen.port,
        log_level="warning",
        ssl_keyfile=options.serve.tls_keyfile or None,
        ssl_certfile=options.serve.tls_certfile or None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="easel-server", daemon=True)
    thread.start()
    end = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise InvalidRequest(f"The server could not start at {chosen.url}; the lines above say why.", "Choose another port with --port.")
        time.sleep(0.01)
    return server


async def _hello(request: Request) -> Response:
    return PlainTextResponse("Easel serves its API here; it was started with --nowebui, so there is no page.\n")
