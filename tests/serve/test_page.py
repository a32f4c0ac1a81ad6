"""The server as production starts it, asked over the network: what it gives, and what it must never give."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio.networking
import httpx
import pytest

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.options import Options, ServeOptions
from modules.core.paths import Paths
from modules.serve import bare, page
from modules.serve.plan import plan

FORGED = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}, "orig_name": "picture.png"}
SECRET = "root:"
PICTURE = b"\x89PNG\r\n\x1a\npicture"
Running = Callable[..., httpx.Client]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(folder: Path, module: Any, **serving: Any) -> tuple[App, Any, Any]:
    """On another port when a program takes the first one between our look and the start. -> app, server, plan."""
    for tries_left in reversed(range(5)):
        options = Options(paths=Paths(data=folder), serve=ServeOptions(port=free_port(), **serving))
        app = App(options)
        try:
            chosen = plan(options.serve, 7860)
            return app, module.launch(app, options, chosen), chosen
        except InvalidRequest:
            app.stop()
            if not tries_left:
                raise
    raise AssertionError


@contextmanager
def running(folder: Path, module: Any = page, **serving: Any) -> Iterator[tuple[httpx.Client, Any]]:
    """The real page and API on a real port; only the worker is not started, so no torch is loaded. -> a client, and the plan."""
    app, server, chosen = started(folder, module, **serving)
    try:
        with httpx.Client(base_url=chosen.url.removesuffix(chosen.options.subpath), trust_env=False, verify=False, timeout=120) as client:
            yield client, chosen
    finally:
        app.stop()
        if module is page:
            server.close(verbose=False)
        else:
            server.should_exit = True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    (data / "outputs" / "txt2img-images").mkdir(parents=True)
    (data / "outputs" / "txt2img-images" / "1.png").write_bytes(PICTURE)
    (data / "secret.png").write_bytes(b"secret")
    return data


@pytest.fixture(scope="module")
def open_page(folder: Path) -> Iterator[httpx.Client]:
    with running(folder) as (client, _):
        yield client


OURS = ["/easel/live", "/sdapi/v1/samplers", "/openapi.json", "/docs"]
THEIRS = ["/config", "/gradio_api/info"]


# What it gives


def test_page_and_api_come_from_one_server(open_page: httpx.Client) -> None:
    assert "<gradio-app" in open_page.get("/").text
    assert open_page.get("/sdapi/v1/samplers").json()
    assert open_page.get("/internal/ping").status_code == 200
    assert open_page.get("/easel/live").status_code == 200


def test_text_travels_compressed_and_pictures_as_they_are(open_page: httpx.Client) -> None:
    whole = open_page.get("/", headers={"accept-encoding": "identity"})
    with open_page.stream("GET", "/", headers={"accept-encoding": "gzip"}) as packed:
        size = sum(len(piece) for piece in packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-security-policy"]
    assert size < len(whole.content) / 3
    assert "content-encoding" not in whole.headers
    assert "content-encoding" not in open_page.get("/sdapi/v1/options").headers


def test_the_page_names_no_other_host_and_may_load_from_none(open_page: httpx.Client) -> None:
    answer = open_page.get("/")
    assert not re.findall(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["']?(?:https?:)?//[^"'> ]*""", answer.text)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    styles = open_page.get("/theme.css").text
    assert not re.findall(r"url\(['\"]?https?:|@import", styles)


# What it never gives


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file=%2Fetc%2Fpasswd",
        "/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/static/../../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/gradio_api/proxy=http://127.0.0.1/",
        "/easel/outputs/../../secret.png",
        "/easel/outputs/%2e%2e/%2e%2e/secret.png",
        "/easel/outputs/..%2fsecret.png",
        "/easel/outputs//etc/passwd",
        "/easel/outputs/history.db",
        "/easel/outputs/txt2img-images/1.png",
    ],
)
def test_files_are_not_handed_out_by_path(open_page: httpx.Client, path: str) -> None:
    answer = open_page.get(path)
    assert answer.status_code >= 400
    assert SECRET not in answer.text
    assert "secret" not in answer.text
    assert PICTURE not in answer.content


def test_files_of_the_data_folder_are_not_handed_out_by_gradio(open_page: httpx.Client, folder: Path) -> None:
    for path in (folder / "secret.png", folder / "outputs" / "txt2img-images" / "1.png", Path(__file__), Path(page.__file__)):
        assert open_page.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_forged_file_references_reach_no_file(open_page: httpx.Client) -> None:
    """A handler is handed a reference to a file that nobody uploaded: each handler of the page, each way of calling it."""
    functions = open_page.get("/config").json()["dependencies"]
    assert len(functions) > 5
    for function in functions:
        data = [FORGED] * len(function["inputs"])
        body = {"fn_index": function["id"], "data": data, "session_hash": "forger", "event_data": None, "trigger_id": None}
        answers = [open_page.post("/gradio_api/run/predict", json=body)]
        if name := function.get("api_name"):
            answers.append(open_page.post(f"/gradio_api/call/{name}", json={"data": data}))
        for answer in answers:
            assert SECRET not in answer.text
            assert "/gradio_api/file=" not in answer.text
    joined = open_page.post(
        "/gradio_api/queue/join", json={"fn_index": functions[0]["id"], "data": [FORGED] * len(functions[0]["inputs"]), "session_hash": "joiner"}
    )
    assert SECRET not in joined.text
    assert open_page.get("/gradio_api/file=/etc/passwd").status_code == 403


@pytest.mark.parametrize("path", ["/", "/gradio_api/queue/data?session_hash=x", *OURS, *THEIRS])
def test_other_names_and_other_pages_are_refused_everywhere(open_page: httpx.Client, path: str) -> None:
    for headers in (
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "evil.example", "origin": "http://evil.example"},
    ):
        answer = open_page.get(path, headers=headers)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert open_page.post(path, headers={"origin": "https://evil.example"}).status_code == 403


def test_a_preflight_of_another_page_is_refused_too(open_page: httpx.Client) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    for path in ("/sdapi/v1/txt2img", "/gradio_api/queue/join"):
        answer = open_page.options(path, headers=asked)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


def test_our_own_page_is_welcome(open_page: httpx.Client) -> None:
    origin = str(open_page.base_url).rstrip("/")
    assert open_page.get("/easel/live", headers={"origin": origin}).status_code == 200


# With logins


@pytest.fixture(scope="module")
def locked(folder: Path) -> Iterator[httpx.Client]:
    with running(folder, logins=(("ann", "secret"),)) as (client, _):
        yield client


@pytest.mark.parametrize("path", [*OURS, *THEIRS])
def test_without_a_login_nothing_is_given(locked: httpx.Client, path: str) -> None:
    assert httpx.get(f"{locked.base_url}{path}", trust_env=False).status_code == 401
    assert httpx.get(f"{locked.base_url}{path}", trust_env=False, auth=("ann", "wrong")).status_code == 401


def test_programs_log_in_with_basic(locked: httpx.Client) -> None:
    for path in OURS:
        assert httpx.get(f"{locked.base_url}{path}", trust_env=False, auth=("ann", "secret")).status_code == 200


def test_people_log_in_once_on_the_page(locked: httpx.Client) -> None:
    with httpx.Client(base_url=locked.base_url, trust_env=False) as person:
        assert '"auth_required":true' in person.get("/").text.replace(" ", "")
        assert person.post("/login", data={"username": "ann", "password": "wrong"}).status_code == 400
        assert person.get("/easel/live").status_code == 401
        assert person.post("/login", data={"username": "ann", "password": "secret"}).status_code == 200
        for path in [*OURS, *THEIRS]:
            assert person.get(path).status_code == 200
        person.get("/logout")
        assert person.get("/easel/live").status_code == 401


def test_the_ping_needs_none(locked: httpx.Client) -> None:
    assert httpx.get(f"{locked.base_url}/internal/ping", trust_env=False).status_code == 200


# Beside other things


@pytest.mark.parametrize("cut_off", [True, False], ids=["the proxy cuts it off", "the proxy leaves it"])
def test_under_a_subpath(folder: Path, cut_off: bool) -> None:
    with running(folder, subpath="/tools/easel", allowed_hosts=("paint.example",), logins=(("ann", "secret"),)) as (client, chosen):
        assert chosen.url.endswith("/tools/easel")
        before = "" if cut_off else "/tools/easel"
        through_proxy = {"host": "paint.example", "origin": "https://paint.example"}
        for path in OURS:
            assert client.get(before + path, headers=through_proxy).status_code == 401, path
            assert client.get(before + path, headers=through_proxy, auth=("ann", "secret")).status_code == 200, path
        html = client.get(before + "/", headers=through_proxy)
        assert html.status_code == 200
        assert "/tools/easel" in re.findall(r'"root":\s*"([^"]*)"', html.text)[0]
        assert client.get(before + "/theme.css", headers=through_proxy).status_code == 200


def test_pages_that_may_call(folder: Path) -> None:
    with running(folder, cors_origins=("https://friend.example",)) as (client, _):
        asked = {"origin": "https://friend.example", "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        preflight = client.options("/sdapi/v1/txt2img", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://friend.example"
        answer = client.get("/sdapi/v1/samplers", headers={"origin": "https://friend.example"})
        assert answer.headers.get_list("access-control-allow-origin") == ["https://friend.example"]
        assert client.get("/sdapi/v1/samplers", headers={"origin": "https://evil.example"}).status_code == 403


def test_a_public_link_leads_through_a_login_to_our_own_scripts(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The tunnel is a stand-in at the place where Gradio opens its own; what comes through it carries the public name."""
    opened: list[dict[str, Any]] = []

    def setup_tunnel(**where: Any) -> str:
        opened.append(where)
        return "http://abc123.tunnel.example"

    monkeypatch.setattr(gradio.networking, "setup_tunnel", setup_tunnel)
    with running(folder, share=True) as (client, chosen):
        assert opened[0]["local_port"] == chosen.port
        assert "public URL: https://abc123.tunnel.example" in capsys.readouterr().out
        visitor = {"host": "abc123.tunnel.example", "origin": "https://abc123.tunnel.example"}
        html = client.get("/", headers=visitor)
        assert html.status_code == 200
        assert "auth_required" in html.text
        assert not re.findall(r"""src=["']https?://""", html.text)
        for path in [*OURS, *THEIRS]:
            assert client.get(path, headers=visitor).status_code == 401
        assert client.get("/easel/live", headers=visitor, auth=chosen.made_up).status_code == 200
        assert client.get("/", headers={"host": "other.tunnel.example"}).status_code == 403


def test_where_no_tunnel_can_be_opened_it_serves_here(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def setup_tunnel(**where: Any) -> str:
        raise RuntimeError("Could not get share link from Gradio API Server.")

    monkeypatch.setattr(gradio.networking, "setup_tunnel", setup_tunnel)
    with running(folder, share=True) as (client, _):
        assert "Could not create share link" in capsys.readouterr().out
        assert client.get("/").status_code == 200


def test_https(folder: Path) -> None:
    pem = str(Path(__file__).with_name("localhost.pem"))
    with running(folder, tls_keyfile=pem, tls_certfile=pem) as (client, chosen):
        assert chosen.url.startswith("https://")
        assert client.get("/internal/ping").status_code == 200


# Without a page


def test_the_api_alone(folder: Path) -> None:
    with running(folder, bare, nowebui=True, api_logins=(("prog", "ram"),), subpath="/easel") as (client, _):
        assert "no page" in client.get("/").text
        assert client.get("/internal/ping").status_code == 200
        for before in ("", "/easel"):  # the prefix is also how our own paths begin
            assert client.get(f"{before}/sdapi/v1/samplers").status_code == 401
            assert client.get(f"{before}/sdapi/v1/samplers", auth=("prog", "ram")).json()
            assert client.get(f"{before}/easel/outputs/txt2img-images/1.png", auth=("prog", "ram")).status_code == 404
        assert client.get("/sdapi/v1/samplers", headers={"host": "evil.example"}, auth=("prog", "ram")).status_code == 403
