"""`test`: all tests, those in a real browser too. launch.py has installed their tools; a browser is looked for here, and installed where that is possible.

Where it is not, the browser tests are skipped, and it says so loudly; under CI=true that is a failure. pytest prints the last line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from modules.core.paths import PROJECT

BROWSER = "EASEL_BROWSER"
"""Environment variable in which the tests find the browser's path; empty: there is none, and they skip."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
INSTALL_SECONDS = 600
MOST = 4
"""Processes that test side by side where there are that many cores; each holds up to 2 GB."""


def run(words: Sequence[str]) -> int:
    """words: for pytest; all tests, on several cores, when they name none. -> pytest's exit code."""
    environment = {**os.environ, "COMMANDLINE_ARGS": ""}
    if BROWSER not in environment:
        environment[BROWSER] = find_browser() or install_browser() or ""
    if not environment[BROWSER]:
        if environment.get("CI", "").lower() in ("true", "1"):
            print(
                "error: there is no browser for the browser tests, and none could be installed. Install chromium, or set EASEL_BROWSER to the path of one.",
                file=sys.stderr,
                flush=True,
            )
            return 1
        banner = "=" * 100
        print(
            f"{banner}\nTHE BROWSER TESTS ARE SKIPPED: no chromium was found, and none could be installed.\nInstall one, or set EASEL_BROWSER to its path.\n{banner}",
            flush=True,
        )
    named = [word for word in words if not word.startswith("-")]
    if not named:  # each process its own files; more threads would only take the cores from one another
        words = ["--numprocesses", "auto", "--maxprocesses", str(MOST), "--dist", "loadfile", *words]
        environment.setdefault("OMP_NUM_THREADS", "1")
    command = [sys.executable, "-m", "pytest", *words, *([] if named else ["tests"])]
    return subprocess.run(command, cwd=PROJECT, env=environment).returncode


def find_browser(which: Callable[[str], str | None] = shutil.which) -> str | None:
    """The path of a chromium that starts, or of a relative of it."""
    for path in (*(found for name in NAMES if (found := which(name))), *(place for place in PLACES if os.path.isfile(place)), *_of_playwright()):
        if starts(path):
            return path
    return None


def install_browser() -> str | None:
    """By apt where we may, else by playwright, which keeps its own in the user's cache."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("Installing chromium with apt, for the browser tests", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if _call(["apt-get", "update", "-qq"], quiet):
            _call(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"], quiet)
        if found := find_browser():
            return found
    print("Installing chromium with playwright, for the browser tests", flush=True)
    _call([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))
    return find_browser()


def starts(path: str) -> bool:
    """Whether it is there and its libraries are too. (On Windows asking for the version would open a window: there it is enough that it is there.)"""
    if os.name == "nt":
        return Path(path).is_file()
    try:
        return subprocess.run([path, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _of_playwright() -> list[str]:
    """Where playwright would put its own."""
    program = "from playwright.sync_api import sync_playwright\nwith sync_playwright() as p: print(p.chromium.executable_path)"
    try:
        asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return []
    path = asked.stdout.strip()
    return [path] if path and Path(path).is_file() else []


def _call(command: list[str], environment: dict[str, str]) -> bool:
    try:
        return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=INSTALL_SECONDS).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
