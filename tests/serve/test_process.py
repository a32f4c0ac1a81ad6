"""The whole of it as a process: starts, prints where it is, refuses a taken port, and ends when told to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

PROJECT = Path(__file__).resolve().parents[2]
START = [sys.executable, str(PROJECT / "launch.py"), "--skip-install"]
ENVIRONMENT = {**os.environ, "COMMANDLINE_ARGS": ""}


def first_line(child: subprocess.Popen[str], seconds: float = 400) -> str:
    """The line that says where it runs."""
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    try:
        assert child.stdout
        for line in child.stdout:
            if line.startswith("Running on local URL:"):
                return line
    finally:
        timer.cancel()
    raise AssertionError(f"it ended with {child.wait()} before it answered")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_it_starts_prints_its_address_answers_and_ends_when_told(tmp_path: Path) -> None:
    child = subprocess.Popen([*START, "--data-dir", str(tmp_path)], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = re.fullmatch(r"Running on local URL:  (http://127\.0\.0\.1:(\d+))\n", first_line(child))
        assert url
        assert httpx.get(url[1], trust_env=False).status_code == 200
        taken = subprocess.run([*START, "--data-dir", str(tmp_path), "--port", url[2]], env=ENVIRONMENT, capture_output=True, text=True, timeout=400)
        assert taken.returncode == 2
        assert re.fullmatch(rf"error: Port {url[2]} of 127\.0\.0\.1 cannot be used: .*--port.*\n", taken.stderr)
        child.send_signal(signal.SIGTERM)
        assert child.wait(300) == 0
    finally:
        child.kill()
        child.wait()


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_killed_it_starts_again(tmp_path: Path) -> None:
    for _ in range(2):
        command = [*START, "--nowebui", "--data-dir", str(tmp_path)]
        child = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            url = first_line(child).split()[-1]
            assert httpx.get(f"{url}/internal/ping", trust_env=False).status_code == 200
            time.sleep(0.5)
        finally:
            child.kill()
            child.wait()


def test_serving_the_api_alone_imports_no_gradio() -> None:
    program = "import sys\nimport modules.serve.bare\nassert not {'torch', 'gradio'} & set(sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
