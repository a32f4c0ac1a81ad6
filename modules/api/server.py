"""The API as routes for whatever serves the page: A1111's /sdapi/v1, our /v1, /internal, openapi.json and a page of documentation.

Logins, hosts and origins are checked in front of these routes, not here. FastAPI's own documentation pages load scripts from elsewhere, so they are off.
"""

from __future__ import annotations

import logging
import traceback

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules import __version__
from modules.api import fit, generate, internal, prompt, sdapi, sdapi_control, sdapi_lists, sdapi_pictures, sdapi_server, stock, trainings
from modules.api.bodies import LIMIT, BodyLimit
from modules.api.docs import page
from modules.api.fetch import Fetcher
from modules.api.pictures import Pictures
from modules.api.replies import answer, answer_for
from modules.api.sdapi_tasks import Tasks
from modules.app import App
from modules.core.errors import EaselError
from modules.core.options import Options

log = logging.getLogger(__name__)


def routes(app: App, options: Options, stop: sdapi_server.Stop = sdapi_server.end_process) -> list[BaseRoute]:
    """To be put in front of the page's own routes. Without --api only the ping is there, for launchers that wait for it. stop: ends this process."""
    served = Quiet(BodyLimit(build(app, options, stop)))
    paths = [internal.PING]
    if options.serve.api:
        paths += ["/sdapi/v1/{rest:path}", "/controlnet/{rest:path}", "/v1/{rest:path}", *internal.PATHS, "/openapi.json", "/docs"]
    return [Route(path, served, include_in_schema=False) for path in paths]


def build(app: App, options: Options, stop: sdapi_server.Stop) -> FastAPI:
    """The application behind those routes; every path is whole, so it can also be served alone."""
    api = FastAPI(title="Easel", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json", redirect_slashes=False)
    pictures = Pictures(app.blobs, Fetcher(LIMIT).get, lambda: app.settings.value.api_enable_requests)
    tasks = Tasks(app.queue)
    parts = (
        sdapi.router(app, pictures, tasks),
        sdapi_lists.router(app, options),
        sdapi_pictures.router(app, pictures),
        sdapi_control.router(app, pictures),
        sdapi_server.router(app, options.serve.api_server_stop, stop),
        generate.router(app, pictures),
        prompt.router(app),
        fit.router(app),
        stock.router(app),
        trainings.router(app),
        internal.router(tasks),
    )
    for part in parts:
        api.include_router(part)

    @api.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page(api.openapi()), headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})

    api.add_exception_handler(EaselError, _known)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _wrong_parameter)
    return api


class Quiet:
    """Turns what nobody foresaw into a 500 with A1111's shape. The log says what kind of error and where; neither log nor answer quote the request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
            log.error("%s %s failed: %s, in %s", scope.get("method"), scope.get("path"), type(error).__name__, ", called from ".join(reversed(places)))
            if not started:
                said = answer(500, "InternalError", "Something went wrong inside Easel.", remedy="The log names the place; please report it.")
                await said(scope, receive, send)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, EaselError)
    return answer_for(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    remedy = {404: "See /docs for the addresses there are.", 405: "See /docs for the method that this address takes."}.get(error.status_code, "")
    return answer(error.status_code, type(error).__name__, str(error.detail), remedy=remedy)


async def _wrong_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return answer(422, "WrongType", f"{name} is not usable: {first['msg']}.", field=name, remedy="See /docs for the parameters of this address.")
