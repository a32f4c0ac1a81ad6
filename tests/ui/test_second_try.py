"""What is tried a second time: tests in a browser, once, and told at the end; nothing else (docs/decisions/0021)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

pytest.importorskip("pytest_rerunfailures", reason="pytest-rerunfailures is not installed: pip install -r tests/requirements.txt")

CONFTEST = """
import pytest
from tests.conftest import pytest_configure, pytest_terminal_summary
from tests.ui.conftest import pytest_collection_modifyitems

@pytest.fixture(scope="package")
def browser(tmp_path_factory):
    yield "browser"

@pytest.fixture(scope="package")
def address(browser):
    yield "address"

@pytest.fixture
def tab(address, request, pytestconfig):
    yield "tab"
    once(request.node.name + " teardown") if "teardown" in request.node.name else None

def once(name):
    import pathlib
    mark = pathlib.Path(__file__).with_name(name + ".mark")
    if not mark.exists():
        mark.touch()
        raise AssertionError(f"the page of {name} was late")
"""

TESTS = """
from conftest import once

def test_late_once(tab): once("call")
def test_late_in_teardown(tab): pass
def test_always_wrong(browser): assert browser == "another"
def test_fine(tab): pass
def test_without_a_page(): once("no page")
"""


@pytest.mark.parametrize("further", [[], ["-n", "2", "--dist", "loadfile"]], ids=["alone", "side by side"])
def test_only_tests_in_a_browser_and_only_once(tmp_path: Path, further: list[str]) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_pages.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -raR -p no:cacheprovider\n")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run([sys.executable, "-m", "pytest", *further, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=400, env=environment)
    said = done.stdout
    assert done.returncode == 1, said + done.stderr
    assert re.search(r"2 failed, 4 passed, 3 rerun", said), said
    assert "FAILED test_pages.py::test_always_wrong" in said and "FAILED test_pages.py::test_without_a_page" in said
    assert "the page of call was late" in said, "what went wrong the first time"
    last = said.split("tried a second time")[1]
    assert [line.split("::")[1] for line in last.splitlines() if "::" in line] == ["test_always_wrong", "test_late_in_teardown", "test_late_once"]
