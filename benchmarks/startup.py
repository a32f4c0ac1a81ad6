"""How long a second start takes until the page answers, against a page of Gradio's with nothing on it. Run: python benchmarks/startup.py [ROUNDS]

Both are started in turn, each in a fresh process with the same Python, and asked for "/" until they answer 200. Says also whether Easel had
loaded torch by then (Linux: from the process's memory map).
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
BARE = """
import sys, threading, gradio
with gradio.Blocks() as page:
    gradio.Textbox()
page.launch(prevent_thread_lock=True, quiet=True, server_port=int(sys.argv[1]))
threading.Event().wait()
"""
LIMIT = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Start(NamedTuple):
    """seconds: from start to answer. cpu: of which its processes computed (Linux; else 0). torch: whether it was loaded then, None where that cannot be seen."""

    seconds: float
    cpu: float
    torch: bool | None


def measure(command: list[str], port: int) -> Start:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "COMMANDLINE_ARGS")}
    environment["GRADIO_ANALYTICS_ENABLED"] = "False"
    began = time.perf_counter()
    child = subprocess.Popen(command, env=environment, cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(port):
            if child.poll() is not None or time.perf_counter() - began > LIMIT:
                raise SystemExit(f"error: {' '.join(command)} did not answer (exit code {child.poll()})")
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        about = Path(f"/proc/{child.pid}")
        if not about.exists():
            return Start(seconds, 0.0, None)
        ticks = (about / "stat").read_text().rpartition(")")[2].split()[11:13]
        return Start(seconds, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), "libtorch" in (about / "maps").read_text())
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    python = sys.executable
    bare: list[Start] = []
    easel: list[Start] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        for number in range(rounds + 1):  # the first round warms caches and is not counted
            port, other = free_port(), free_port()
            one = measure([python, "-c", BARE, str(port)], port)
            two = measure([python, str(PROJECT / "launch.py"), "--skip-install", "--port", str(other), "--data-dir", data], other)
            if number:
                bare.append(one)
                easel.append(two)
                print(
                    f"round {number}: bare {one.seconds:.2f} s (cpu {one.cpu:.2f}), Easel {two.seconds:.2f} s (cpu {two.cpu:.2f}), torch loaded: {two.torch}",
                    flush=True,
                )
    for what, values in (("bare", bare), ("Easel", easel)):
        print(f"{what}: median {statistics.median(start.seconds for start in values):.2f} s, cpu {statistics.median(start.cpu for start in values):.2f} s")
    ratios = [two.seconds / one.seconds for one, two in zip(bare, easel, strict=True)]
    print(f"ratio: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}; torch loaded when the page answered: {any(start.torch for start in easel)}")


if __name__ == "__main__":
    main()
