"""Pictures from the web, against a server of our own on this machine; which addresses may be asked is handed in, and tried on its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modules.api.fetch import Fetcher
from modules.core.addresses import is_public
from modules.core.errors import BadPicture

LIMIT = 100_000
BODY = b"\x89PNG picture"


class Site:
    """Answers `answers[path]`: (status, headers, pieces of the body). asked: the paths that were asked for, with their headers."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], list[bytes]]] = {"/a.png": (200, {}, [BODY])}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.patience = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers)))
                status, headers, pieces = site.answers.get(self.path, (404, {}, []))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in pieces:
                    if piece == b"wait":
                        site.patience.wait(30)
                        return
                    try:
                        self.wfile.write(piece)
                        self.wfile.flush()
                    except OSError:
                        return

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str, host: str = "pictures.example") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.patience.set()
    found.server.shutdown()
    found.server.server_close()


def fetcher(allowed: Callable[[str], bool] = lambda address: True, names: dict[str, list[str]] | None = None, seconds: float = 10.0) -> Fetcher:
    """Every name is this machine, unless `names` says otherwise."""
    return Fetcher(LIMIT, lambda host, port: (names or {}).get(host, ["127.0.0.1"]), allowed, seconds)


def refusal(made: Fetcher, url: str) -> str:
    with pytest.raises(BadPicture) as caught:
        made.get(url, "mask")
    assert caught.value.field == "mask"
    assert caught.value.remedy
    return caught.value.what


def test_a_picture_is_fetched(site: Site) -> None:
    site.answers["/a.png?size=1"] = (200, {}, [BODY])
    assert fetcher().get(site.url("/a.png?size=1#part"), "mask") == BODY
    path, headers = site.asked[0]
    assert (path, headers["Host"]) == ("/a.png?size=1", f"pictures.example:{site.port}")
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
        "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2001:db8::1", "example.com", "", "1.2.3", "0x7f.1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a",
        "http://localhost/a",
        "http://[::1]/a",
        "http://2130706433/a",
        "http://0x7f000001/a",
        "http://0/a",
        "http://169.254.169.254/latest",
        "http://192.168.0.1/",
    ],
)
def test_private_addresses_are_not_asked_by_any_spelling(url: str) -> None:
    assert "not at a public address" in refusal(Fetcher(LIMIT), url) or "cannot be reached" in refusal(Fetcher(LIMIT), url)


def test_one_private_address_of_a_name_is_one_too_many(site: Site) -> None:
    made = fetcher(lambda address: address != "10.0.0.1", {"pictures.example": ["127.0.0.1", "10.0.0.1"]})
    assert "not at a public address" in refusal(made, site.url("/a.png"))
    assert site.asked == []


def test_a_name_is_resolved_once_and_the_connection_goes_where_it_led(site: Site) -> None:
    """A second answer of the name server, were it asked again, would lead elsewhere."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    made = Fetcher(LIMIT, lambda host, port: next(answers), lambda address: True)
    assert made.get(site.url("/a.png"), "mask") == BODY
    assert next(answers) == ["127.0.0.2"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(site: Site, status: int) -> None:
    site.answers["/old"] = (status, {"Location": "/a.png"}, [])
    assert fetcher().get(site.url("/old"), "mask") == BODY


def test_each_redirect_is_checked_again(site: Site) -> None:
    site.answers["/old"] = (302, {"Location": site.url("/a.png", "inside.example")}, [])
    made = fetcher(lambda address: address == "127.0.0.1", {"inside.example": ["127.0.0.2"]})
    assert "not at a public address" in refusal(made, site.url("/old"))
    assert [path for path, _ in site.asked] == ["/old"]


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://pictures.example/a", "gopher://x/", "", "http://ann:secret@pictures.example/", "//["])
def test_redirects_to_what_is_not_followed(site: Site, place: str) -> None:
    site.answers["/old"] = (302, {"Location": place}, [])
    what = refusal(fetcher(), site.url("/old"))
    assert "secret" not in what
    assert "passwd" not in what


def test_redirects_end(site: Site) -> None:
    site.answers["/round"] = (302, {"Location": "/round"}, [])
    assert "redirected more than" in refusal(fetcher(), site.url("/round"))
    assert len(site.asked) == 4


@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(LIMIT + 1)}, {"Content-Length": "9" * 30}])
def test_a_picture_that_is_too_large(site: Site, headers: dict[str, str]) -> None:
    site.answers["/large"] = (200, headers, [b"x" * 10_000] * 11)
    assert "more than" in refusal(fetcher(), site.url("/large"))


def test_a_picture_that_is_cut_off(site: Site) -> None:
    site.answers["/cut"] = (200, {"Content-Length": "1000"}, [b"x" * 10])
    assert "not fetched" in refusal(fetcher(), site.url("/cut"))


@pytest.mark.parametrize("status", [204, 206, 401, 404, 500])
def test_answers_that_are_no_picture(site: Site, status: int) -> None:
    site.answers["/other"] = (status, {}, [])
    assert f"the answer was {status}" in refusal(fetcher(), site.url("/other"))


@pytest.mark.parametrize("pieces", [[b"wait"], [b"x", b"wait"]])
def test_an_answer_that_does_not_come(site: Site, pieces: list[bytes]) -> None:
    site.answers["/slow"] = (200, {"Content-Length": "1000"}, pieces)
    assert "took too long" in refusal(fetcher(seconds=0.3), site.url("/slow"))


def test_an_answer_that_drips(site: Site) -> None:
    """Each piece comes in time, and all of them together do not."""
    site.answers["/drip"] = (200, {"Content-Length": "1000"}, [b"x"] * 3 + [b"wait"])
    assert "took too long" in refusal(fetcher(seconds=0.3), site.url("/drip"))


def test_an_address_that_cannot_be_reached() -> None:
    assert "cannot be reached" in refusal(fetcher(), "http://pictures.example:9/a.png")


@pytest.mark.parametrize(
    "url",
    ["http://", "http:///a", "http://[::1", "http://a b/", "http://pictures.example:x/", "http://pictures.example:99999/", "http://é.example/\r\nHost: x"],
)
def test_what_is_no_address(url: str) -> None:
    assert "not fetched" in refusal(fetcher(), url)


def test_what_went_wrong_is_told_without_the_address(site: Site) -> None:
    assert "secret" not in refusal(fetcher(), site.url("/missing?key=secret"))
