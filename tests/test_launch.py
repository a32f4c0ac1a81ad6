"""launch.py from outside: what it decides, and what it does to a project of its own in which nothing big is to be installed."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from modules import cli

PROJECT = Path(__file__).resolve().parents[1]
NOTHING_TO_INSTALL = {"TORCH_COMMAND": "pip --version"}
HANDED_OVER = "import os, sys\ndef main(words, serve):\n    print('handed over', words, sys.prefix, os.environ.get('COMMANDLINE_ARGS'))\n    return 7\n"


def load(path: Path = PROJECT / "launch.py") -> ModuleType:
    spec = importlib.util.spec_from_file_location("launch_under_test", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


launch = load()


# What it decides


@pytest.mark.parametrize(
    ("environ", "pip", "system", "machine", "plan"),
    [
        ({}, {}, "Linux", "x86_64", "uv"),
        ({}, {}, "Linux", "aarch64", "uv"),
        ({}, {}, "Windows", "AMD64", "uv"),
        ({}, {}, "Darwin", "arm64", "uv"),
        ({}, {"global.timeout": "60", "global.cert": "/etc/ssl/cert.pem"}, "Linux", "x86_64", "uv"),
        ({}, {"global.index-url": "file:///mirror"}, "Linux", "x86_64", "pip"),
        ({}, {"install.find-links": "/wheels"}, "Windows", "AMD64", "pip"),
        ({}, {":env:.extra-index-url": "file:///more"}, "Darwin", "arm64", "pip"),
        ({}, {":env:.no-index": "1"}, "Linux", "x86_64", "pip"),
        ({}, {"global.index-url": ""}, "Linux", "x86_64", "uv"),
        ({"TORCH_INDEX_URL": "file:///rocm"}, {"global.find-links": "/wheels"}, "Linux", "x86_64", "index"),
        ({"TORCH_INDEX_URL": "file:///old"}, {}, "Darwin", "x86_64", "index"),
        ({"TORCH_COMMAND": "pip install torch", "TORCH_INDEX_URL": "file:///rocm"}, {}, "Linux", "x86_64", "command"),
        ({"TORCH_COMMAND": "", "TORCH_INDEX_URL": ""}, {}, "Linux", "x86_64", "uv"),
    ],
)
def test_where_torch_comes_from(environ: dict[str, str], pip: dict[str, str], system: str, machine: str, plan: str) -> None:
    assert launch.torch_plan(environ, pip, system, machine) == plan


def test_a_mac_without_a_build_of_torch_is_told_so() -> None:
    for machine, version in (("x86_64", "15.1"), ("arm64", "13.6.1")):
        with pytest.raises(launch.Trouble, match="macOS 14 or later.*TORCH_INDEX_URL"):
            launch.torch_plan({}, {}, "Darwin", machine, version)
    assert launch.torch_plan({}, {}, "Darwin", "arm64", "14.0") == "uv"


@pytest.mark.parametrize(
    ("typed", "given", "merged"),
    [
        ([], "", []),
        (["--port", "1"], "--listen --port 2", ["--listen", "--port", "2", "--port", "1"]),
        (["generate", "a cat"], '--data-dir "/my data"', ["generate", "--data-dir", "/my data", "a cat"]),
        (["serve"], "--share", ["serve", "--share"]),
        (["test", "-k", "x"], "--share", ["test", "-k", "x"]),
        (["--theme", "dark"], "", ["--theme", "dark"]),
    ],
)
def test_commandline_args_come_before_what_was_typed(typed: list[str], given: str, merged: list[str]) -> None:
    assert launch.arguments(typed, {"COMMANDLINE_ARGS": given}) == merged


def test_every_command_stays_in_front_of_them() -> None:
    assert set(launch.COMMANDS) == {"serve", *cli.COMMANDS}


def test_an_open_quote_in_commandline_args_is_said() -> None:
    with pytest.raises(launch.Trouble, match="COMMANDLINE_ARGS.*quotes"):
        launch.arguments([], {"COMMANDLINE_ARGS": '--data-dir "x'})


def test_backslashes_are_paths_on_windows() -> None:
    line = r'--data-dir "C:\my data" --models-dir D:\models'
    assert launch.split(line, windows=True) == ["--data-dir", r"C:\my data", "--models-dir", r"D:\models"]
    assert launch.split("--data-dir '/my data'", windows=False) == ["--data-dir", "/my data"]


def test_torch_stays_as_it_was_installed_until_a_variable_says_otherwise() -> None:
    stamp = launch.wanted({"TORCH_INDEX_URL": "file:///rocm"}, "3.11", False, {})
    assert launch.wanted({}, "3.11", False, stamp) == stamp
    assert launch.wanted({"TORCH_INDEX_URL": "file:///cuda"}, "3.11", False, stamp) != stamp
    assert launch.wanted({}, "3.11", True, stamp) != stamp, "the tools of the tests come in addition"
    assert launch.wanted({}, "3.11", False, launch.wanted({}, "3.11", True, stamp))["tests"], "and stay"


def test_it_is_standard_library_only_and_old_pythons_can_read_it() -> None:
    tree = ast.parse((PROJECT / "launch.py").read_text("utf-8"), feature_version=(3, 6))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - {"modules"} <= set(sys.stdlib_module_names)


# The pins


def pins(name: str) -> list[str]:
    return [line for line in (PROJECT / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]


def test_every_pin_is_exact_and_names_no_place() -> None:
    for line in [*pins("requirements.txt"), *pins("requirements-alone.txt"), *pins("tests/requirements.txt")]:
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9][0-9a-z.]*( ; .+)?", line), line


def test_torch_is_left_to_the_launcher_and_nothing_drags_another_in() -> None:
    assert not [line for line in pins("requirements.txt") if re.match(r"torch(vision|audio)?==|nvidia-|triton", line)]


def test_what_the_project_declares_is_what_is_pinned() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    known = {line.split(" ;")[0] for line in [*pins("requirements.txt"), launch.TORCH]}
    assert not [wanted for wanted in project["project"]["dependencies"] if wanted.lower() not in known]
    known |= set(pins("tests/requirements.txt"))
    assert not [wanted for wanted in project["dependency-groups"]["test"] if wanted.lower() not in known]
    assert pins("requirements-alone.txt") == project["dependency-groups"]["alone"]


def test_no_registry_is_named() -> None:
    """Where packages come from is the business of the machine that installs them."""
    hosts = re.compile("|".join(map(re.escape, ("py" + "pi.org", "python" + "hosted.org", "download." + "pytorch.org", "conda." + "anaconda.org"))))
    kinds = {".py", ".txt", ".toml", ".md", ".js", ".css", ".yaml", ".json", ""}
    folders = [PROJECT / name for name in ("modules", "tests", "docs", "benchmarks", "extensions", ".ci")]
    files = [*PROJECT.glob("*.*"), *(path for folder in folders for path in folder.rglob("*"))]
    naming = [path for path in files if path.is_file() and path.suffix in kinds and hosts.search(path.read_text("utf-8", "replace"))]
    assert not naming


# What it does


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the real launch.py and nothing to install."""
    for folder in ("tests", "modules/cli"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("requirements.txt", "requirements-alone.txt", "tests/requirements.txt", "modules/__init__.py"):
        (tmp_path / name).write_text("# nothing\n")
    (tmp_path / "modules/cli/__init__.py").write_text(HANDED_OVER)
    (tmp_path / "launch.py").write_bytes((PROJECT / "launch.py").read_bytes())
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    unwanted = ("COMMANDLINE_ARGS", "TORCH_COMMAND", "TORCH_INDEX_URL", "CONDA_PREFIX", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in unwanted} | more


def base_python() -> str:
    """Not the one of a venv."""
    return getattr(sys, "_base_executable", sys.executable)


def start(project: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [base_python(), str(project / "launch.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=project.parent, env=environment(**(NOTHING_TO_INSTALL | environ)))


def needy(folder: Path) -> Path:
    """A wheel that asks for a package which is nowhere to be had, as spandrel asks for a torchvision that must not come."""
    wheel = folder / "needy-1.0-py3-none-any.whl"
    files = {
        "needy.py": "HERE = 1\n",
        "needy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: needy\nVersion: 1.0\nRequires-Dist: no-such-package-anywhere==9\n",
        "needy-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, "needy-1.0.dist-info/RECORD": "".join(f"{name},,\n" for name in files)}.items():
            archive.writestr(name, text)
    return wheel


def test_first_start_installs_second_start_does_not_and_a_half_made_one_is_made_anew(project: Path) -> None:
    first = start(project, "generate", "a cat", COMMANDLINE_ARGS="--port 7")
    assert first.returncode == 7, first.stdout + first.stderr
    assert "handed over ['generate', '--port', '7', 'a cat']" in first.stdout
    assert str(project / ".venv") in first.stdout
    assert first.stdout.rstrip().endswith("None"), "COMMANDLINE_ARGS is merged once"
    assert [line[:6] for line in first.stdout.splitlines() if re.match(r"\d of \d", line)] == ["1 of 3", "2 of 3", "3 of 3"]

    second = start(project, "doctor")
    assert second.stdout.startswith("handed over ['doctor']"), second.stdout

    (project / ".venv" / "easel-unfinished").touch()
    (project / ".venv" / "left-over").touch()
    third = start(project)
    assert third.returncode == 7
    assert "interrupted" in third.stdout
    assert not (project / ".venv" / "left-over").exists()

    (project / "requirements-alone.txt").write_text(needy(project).as_uri() + "\n")
    fourth = start(project)
    assert "packages that changed" in fourth.stdout
    assert fourth.returncode == 7, fourth.stdout + fourth.stderr
    assert subprocess.run([project / ".venv/bin/python", "-c", "import needy"], timeout=300).returncode == 0

    asked_from_inside = subprocess.run([project / ".venv/bin/python", project / "launch.py"], capture_output=True, text=True, timeout=300, env=environment())
    assert asked_from_inside.stdout.startswith("handed over []")


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_while_it_installs_it_repairs_itself(project: Path) -> None:
    command = [base_python(), str(project / "launch.py")]
    child = subprocess.Popen(command, env=environment(**NOTHING_TO_INSTALL), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 300
    while not (project / ".venv" / "easel-unfinished").exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait(100)
    again = start(project)
    assert again.returncode == 7, again.stdout + again.stderr
    assert "making .venv anew" in again.stdout
    assert json.loads((project / ".venv" / "easel-installed.json").read_text())["torch"] == launch.TORCH


def test_two_starts_at_once_install_once(project: Path) -> None:
    command = [base_python(), str(project / "launch.py")]
    children = [subprocess.Popen(command, env=environment(**NOTHING_TO_INSTALL), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    outputs = [child.communicate(timeout=400)[0] for child in children]
    assert [child.returncode for child in children] == [7, 7], outputs
    assert sum("1 of 3" in output for output in outputs) == 1


def test_a_failed_install_says_so_and_goes_on_at_the_next_start(project: Path) -> None:
    failed = start(project, TORCH_COMMAND="pip no-such-command")
    assert failed.returncode == 1
    assert failed.stderr.rstrip().splitlines()[-1].startswith("error: Installing failed")
    assert start(project).returncode == 7


def test_somebody_s_own_folder_of_that_name_is_not_deleted(project: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv" / "thesis.txt").write_text("all of it")
    refused = start(project)
    assert refused.returncode == 1
    assert "Delete it" in refused.stderr
    assert (project / ".venv" / "thesis.txt").read_text() == "all of it"


def test_skip_install_installs_nothing(project: Path) -> None:
    done = start(project, "--skip-install", "doctor")
    assert done.returncode == 7
    assert "handed over ['doctor']" in done.stdout
    assert not (project / ".venv").exists()


def test_a_missing_package_is_named(project: Path) -> None:
    (project / "modules/cli/__init__.py").write_text("import no_such_package\n")
    done = start(project, "--skip-install")
    assert done.returncode == 1
    assert done.stderr.startswith("error: The package no_such_package is missing")


def test_other_pythons_get_one_clear_line(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    here = load(project / "launch.py")
    monkeypatch.setattr(here, "PYTHONS", ((4, 0), (4, 1)))
    with pytest.raises(here.Trouble, match=r"needs Python 3\.11 or 3\.12; this is 3\.\d+"):
        here.install({}, False)
    assert not (project / ".venv").exists()
