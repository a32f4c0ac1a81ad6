"""Addresses and ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.core.errors import InvalidRequest
from modules.core.options import ServeOptions
from modules.serve.address import address_of, free_port, is_exposed, url_of
from modules.serve.plan import plan


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("options", "address", "exposed"),
    [
        (ServeOptions(), "127.0.0.1", False),
        (ServeOptions(listen=True), "0.0.0.0", True),
        (ServeOptions(server_name="localhost"), "localhost", False),
        (ServeOptions(server_name="[::1]"), "::1", False),
        (ServeOptions(server_name="::"), "::", True),
        (ServeOptions(server_name="127.0.0.5", listen=True), "127.0.0.5", False),
        (ServeOptions(server_name="192.0.2.7"), "192.0.2.7", True),
    ],
)
def test_addresses(options: ServeOptions, address: str, exposed: bool) -> None:
    assert address_of(options) == address
    assert is_exposed(address) is exposed


def test_a_name_that_is_no_machine() -> None:
    with pytest.raises(InvalidRequest, match="--server-name"):
        is_exposed("no such machine!")


def test_a_taken_port_that_was_asked_for_is_an_error_with_a_remedy(taken: int) -> None:
    with pytest.raises(InvalidRequest, match=f"Port {taken} of 127.0.0.1 cannot be used.*--port"):
        free_port("127.0.0.1", taken, 7860)


def test_otherwise_the_next_free_one_is_taken(taken: int) -> None:
    assert taken < free_port("127.0.0.1", None, taken) < taken + 100


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(InvalidRequest, match=r"192\.0\.2\.7 cannot be used"):
        free_port("192.0.2.7", 7860, 7860)


@pytest.mark.parametrize(
    ("address", "secure", "url"),
    [("127.0.0.1", False, "http://127.0.0.1:1"), ("0.0.0.0", True, "https://127.0.0.1:1"), ("::", False, "http://[::1]:1"), ("::1", False, "http://[::1]:1")],
)
def test_what_is_printed(address: str, secure: bool, url: str) -> None:
    assert url_of(address, 1, secure) == url


@pytest.mark.parametrize(
    ("options", "made_up"),
    [
        (ServeOptions(), False),
        (ServeOptions(listen=True), True),
        (ServeOptions(share=True), True),
        (ServeOptions(listen=True, logins=(("a", "b"),)), False),
        (ServeOptions(listen=True, api_logins=(("a", "b"),)), True),
        (ServeOptions(listen=True, nowebui=True, api_logins=(("a", "b"),)), False),
        (ServeOptions(listen=True, nowebui=True, logins=(("a", "b"),)), False),
        (ServeOptions(listen=True, nowebui=True), True),
    ],
)
def test_a_server_that_others_reach_never_stands_open(options: ServeOptions, made_up: bool) -> None:
    chosen = plan(options, 7860)
    assert bool(chosen.made_up) is made_up
    if options.listen or options.share:
        assert chosen.api_logins
        assert chosen.page_logins or options.nowebui
    if chosen.made_up:
        user, password = chosen.made_up
        assert f"User: {user}  password: {password}" in chosen.greeting()
        assert chosen.page_logins.match(user, password)
    else:
        assert chosen.greeting() == f"Running on local URL:  {chosen.url}"


def test_a_certificate_that_is_none_is_said_before_the_server_starts(tmp_path: Path) -> None:
    pem = Path(__file__).with_name("localhost.pem")
    (tmp_path / "no.pem").write_text("no certificate")
    plan(ServeOptions(tls_certfile=str(pem), tls_keyfile=str(pem)), 7860)
    for certificate, key in ((tmp_path / "no.pem", pem), (pem, tmp_path / "no.pem"), (pem, tmp_path / "missing.pem")):
        with pytest.raises(InvalidRequest, match="cannot be used for https"):
            plan(ServeOptions(tls_certfile=str(certificate), tls_keyfile=str(key)), 7860)
