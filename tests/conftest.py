"""What all tests share: the checkout, and a child process of it in a data folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("easel", deadline=None)  # a busy machine is no fault
hypothesis.settings.load_profile("easel")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as modules.cli does; read once, when torch is imported

PROJECT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """GPU checks say so and step aside where there is none."""
    wanting = [item for item in items if item.get_closest_marker("gpu")]
    if wanting:
        import torch

        if not torch.cuda.is_available():
            for item in wanting:
                item.add_marker(pytest.mark.skip(reason="no GPU here"))


def pytest_configure(config: pytest.Config) -> None:
    """What failed the first time is told in full, although it passed the second time."""
    if config.pluginmanager.hasplugin("rerunfailures"):
        config.option.rerun_show_tracebacks = True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """The last words name each test that was tried again."""
    yield
    again = sorted({report.nodeid for report in terminalreporter.stats.get("rerun", ())})
    if again:
        terminalreporter.write_sep("=", "tried a second time: each is a defect to be mended (docs/decisions/0021)", yellow=True, bold=True)
        for name in again:
            terminalreporter.write_line(name)


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def easel(tmp_path: Path) -> Command:
    """Runs `python -m modules.cli ARGUMENTS... --data-dir TMP` to its end, as launch.py does after it has installed."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "modules.cli", *arguments, "--data-dir", str(tmp_path)]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600, env={**os.environ, "COMMANDLINE_ARGS": ""}, **options)  # type: ignore[call-overload]

    return run
