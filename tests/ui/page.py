"""A real server process with the starter model, and a real browser that looks at it. Shared by the browser tests and by docs/screenshots.py."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE = 180.0
"""Seconds. Never a measure of speed: a busy machine may take long."""

PORTS_TRIED = 5

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

BUSY = "() => document.querySelector('#txt2img_generate_box').classList.contains('busy')"
IDLE = "() => !document.querySelector('#txt2img_generate_box').classList.contains('busy')"
SHOWN = "() => { const image = document.querySelector('#txt2img_gallery img.shown'); return !image.hidden && image.complete && image.naturalWidth > 0; }"
STEPPING = "() => /step [1-9]/i.test((document.querySelector('#txt2img_gallery .doing') || {}).textContent || '')"
READY = "() => document.querySelector('#txt2img_seed input') && document.querySelector('#easel_theme') && window.easel && window.easel.panels"
UP_TO_DATE = "() => window.easel.filling === 0"


def find_chromium() -> str | None:
    found = os.environ.get("EASEL_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if os.path.exists(own) else None


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def serving(data: Path, *flags: str) -> Iterator[str]:
    """Starts Easel as a person does, on a data folder. -> its address, once it answers."""
    log = data / "server.log"
    for _ in range(PORTS_TRIED):
        port = free_port()
        command = [sys.executable, "launch.py", "--skip-install", "--port", str(port), "--data-dir", str(data), *flags]
        with log.open("w") as out:
            server = subprocess.Popen(command, cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "COMMANDLINE_ARGS": ""})
        try:
            address = f"http://127.0.0.1:{port}"
            if not _answers(address, server, log):
                continue
            yield address
            return
        finally:
            _ended(server)
    raise RuntimeError(f"others were quicker with {PORTS_TRIED} ports:\n{log.read_text()}")


def _answers(address: str, server: subprocess.Popen[bytes], log: Path) -> bool:
    """-> once it does; False when another program took the port between our look and its start."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        said = log.read_text()
        if server.poll() is not None:
            if "cannot be used" in said:
                return False
            raise RuntimeError(f"the server ended at once:\n{said}")
        if "Running on local URL:" in said:  # else who answers is somebody else
            with contextlib.suppress(urllib.error.URLError, OSError):
                return _asked(address)
        time.sleep(0.1)
    raise RuntimeError(f"the server does not answer:\n{log.read_text()}")


def _asked(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/easel/live", timeout=30):
            return True
    except urllib.error.HTTPError:  # it wants a login, so it is there
        return True


def _ended(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(60)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        raise RuntimeError("there is no chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Browser, address: str, query: str = "", **context: Any) -> Page:
    """A page in a browser profile of its own, loaded and ready to be used."""
    page = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **context}).new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{address}/{query}")
    brought(page)
    return page


def ready(page: Page) -> None:
    """It can be used."""
    page.wait_for_function(READY)
    page.wait_for_function("() => !document.querySelector('#txt2img_prompt textarea').disabled")


def brought(page: Page) -> None:
    """It can be used, and the server has said what differs from the page as it was built, so that nothing that is typed is replaced."""
    ready(page)
    page.wait_for_function(UP_TO_DATE)
