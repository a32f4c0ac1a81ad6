"""Which names and pages the server answers: a table of what may come and what may not."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from modules.serve.hosts import HostAndOrigin, Hosts, bare


async def nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("not reached")


def refused(hosts: Hosts, host: str, origin: str = "", origins: tuple[str, ...] = ()) -> bool:
    headers = {"host": host} | ({"origin": origin} if origin else {})
    return bool(HostAndOrigin(nothing, hosts, origins).refusal(Headers(headers)))


@pytest.mark.parametrize(
    ("host", "welcome"),
    [
        ("localhost:7860", True),
        ("LOCALHOST", True),
        ("127.0.0.1:7860", True),
        ("127.0.0.2", True),
        ("[::1]:7860", True),
        ("localhost.", True),
        ("evil.example", False),
        ("evil.example:7860", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil.example@localhost", True),
        ("localhost@evil.example", False),
        ("192.168.1.20:7860", False),
        ("0.0.0.0", False),
        ("", False),
        (":7860", False),
        ("[::1", False),
        ("paint.example", True),
        ("paint.example:443", True),
    ],
)
def test_names_of_a_server_on_this_machine(host: str, welcome: bool) -> None:
    assert refused(Hosts("127.0.0.1", ["paint.example"]), host) is not welcome


@pytest.mark.parametrize(
    ("host", "welcome"),
    [
        ("192.168.1.20:7860", True),
        ("[fe80::1]:7860", True),
        (f"{socket.gethostname()}:7860", True),
        (f"{socket.gethostname().split('.')[0].upper()}.local", True),
        ("evil.example", False),
        ("localhost", True),
    ],
)
def test_names_of_a_server_for_others(host: str, welcome: bool) -> None:
    assert refused(Hosts("0.0.0.0", exposed=True), host) is not welcome


@pytest.mark.parametrize(
    ("host", "origin", "welcome"),
    [
        ("localhost:7860", "http://localhost:7860", True),
        ("localhost:7860", "https://localhost:7860", True),
        ("localhost:7860", "http://localhost:9999", False),
        ("localhost:7860", "http://127.0.0.1:7860", False),
        ("localhost:7860", "https://evil.example", False),
        ("localhost:7860", "null", False),
        ("localhost:7860", "http://localhost:7860.evil.example", False),
        ("localhost:7860", "file://", False),
        ("localhost:7860", "http://[", False),
        ("localhost:7860", "https://paint.example", True),
        ("localhost:7860", "https://other.example", True),
        ("localhost:7860", "https://other.example:444", False),
    ],
)
def test_pages(host: str, origin: str, welcome: bool) -> None:
    """paint.example is our own name behind a proxy; other.example is somebody else's page that may call."""
    assert refused(Hosts("127.0.0.1", ["paint.example"]), host, origin, ("https://other.example",)) is not welcome


def test_a_star_lets_any_page_call() -> None:
    assert not refused(Hosts("127.0.0.1"), "localhost", "https://anyone.example", ("*",))
    assert refused(Hosts("127.0.0.1"), "evil.example", "https://anyone.example", ("*",)), "but not under any name"


def test_a_name_may_be_learned_later() -> None:
    hosts = Hosts("127.0.0.1")
    assert refused(hosts, "abc.gradio.live", "https://abc.gradio.live")
    hosts.allow("abc.gradio.live")
    assert not refused(hosts, "abc.gradio.live", "https://abc.gradio.live")


def test_two_host_headers_are_refused() -> None:
    filter = HostAndOrigin(nothing, Hosts("127.0.0.1"))
    assert filter.refusal(Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")]))
    assert filter.refusal(Headers(raw=[]))


def test_websockets_are_checked_as_well() -> None:
    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    inside = Starlette(routes=[WebSocketRoute("/talk", greet)])
    client = TestClient(HostAndOrigin(inside, Hosts("127.0.0.1")), base_url="http://localhost")
    with client.websocket_connect("/talk", headers={"host": "localhost"}) as socket:
        assert socket.receive_text() == "hello"
    for headers in ({"host": "localhost", "origin": "https://evil.example"}, {"host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk", headers=headers):
            pass


@given(st.text(max_size=40))
def test_no_host_header_raises_or_is_taken_by_accident(text: str) -> None:
    name = bare(text)
    if Hosts("127.0.0.1").knows(text):
        assert name in ("localhost", "::1") or name.startswith(("127.", "::ffff:127."))
