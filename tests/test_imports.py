"""The house rules about imports: arrows point down, there is no cycle, libraries have owners, and what must answer at once imports no torch.

Read off the syntax trees, so a rule holds for every line and not only for those that a test happens to run.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[1]

LAYERS = {
    "core": 0,
    "prompt": 1, "sampling": 1, "imaging": 1, "infotext": 1, "catalog": 1, "memory": 1,
    "networks": 2, "families": 3, "engine": 4, "training": 4, "jobs": 5, "a1111": 5, "stock": 5, "app": 6, "extension": 6, "ui": 7, "api": 7, "cli": 7, "serve": 8,
}  # fmt: skip
STRANGERS = ({"prompt", "sampling", "imaging", "infotext", "catalog", "memory"}, {"engine", "training"}, {"jobs", "a1111", "stock"}, {"ui", "api", "cli"})
"""Packages of one layer that do not know each other."""

OWNERS = {
    "gradio": ("ui",),
    "fastapi": ("api",),
    "omegaconf": ("core.settings", "networks"),
    "compel": ("prompt",),
    "sqlite3": ("jobs", "catalog"),
    "diffusers": ("networks", "families", "memory", "sampling.scheduler", "sampling.samplers.schedulers"),
    "transformers": ("networks", "families", "memory", "sampling.scheduler"),
    "peft": ("networks", "families", "memory", "sampling.scheduler"),
    "spandrel": ("networks",),
    "uvicorn": ("serve",),
    "huggingface_hub": ("stock.hub_child",),
    "torch": ("prompt", "sampling", "imaging", "memory", "networks", "families", "engine", "training"),
}
WITHOUT_SETTINGS = ("prompt", "sampling", "imaging", "families", "infotext")
"""Settings cannot change pixels, so whoever makes pixels cannot reach them."""

LATE = {"modules.app": ("modules.engine.", "modules.training.")}
"""The one place for imports inside functions: the factory of engine and trainer, which runs in the worker's thread."""

STANDARD_LATE = ("ctypes", "winreg", "msvcrt", "fcntl")
"""Modules of the standard library that some systems lack."""

DISTRIBUTIONS = {"PIL": "pillow", "yaml": "pyyaml", "cv2": "opencv-python-headless"}
"""Where a package is not called as it is imported."""

WITHOUT_TORCH = (
    "modules.core",
    "modules.infotext",
    "modules.catalog",
    "modules.jobs",
    "modules.a1111",
    "modules.stock",
    "modules.extension",
    "modules.app",
    "modules.ui",
    "modules.api",
    "modules.cli",
    "modules.serve",
)
LIGHT_PROMPT = ("modules.prompt.grammar", "modules.prompt.timeline", "modules.prompt.tokens")


class Import(NamedTuple):
    """late: inside a function. typing: under `if TYPE_CHECKING`."""

    source: str
    target: str
    line: int
    late: bool
    typing: bool


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted((PROJECT / "modules").rglob("*.py"))}


def imports_of(name: str, tree: ast.Module, is_package: bool) -> Iterator[Import]:
    def walk(node: ast.AST, late: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            checking = typing or isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            if isinstance(child, ast.Import):
                yield from (Import(name, alias.name, child.lineno, late, typing) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                start = child.module or ""
                if child.level:
                    parts = name.split(".")
                    base = parts[: len(parts) - child.level + is_package]
                    start = ".".join([*base, *([child.module] if child.module else [])])
                for alias in child.names:
                    whole = f"{start}.{alias.name}"
                    yield Import(name, whole if whole in FILES else start, child.lineno, late, typing)
            yield from walk(child, inside, checking)

    yield from walk(tree, False, False)


IMPORTS = [found for name, path in FILES.items() for found in imports_of(name, ast.parse(path.read_text("utf-8")), path.name == "__init__.py")]
OURS = [found for found in IMPORTS if found.target.split(".")[0] == "modules" and found.target != "modules"]


def part(name: str) -> str:
    """modules.core.params -> core"""
    return name.split(".")[1] if "." in name else ""


def shown(imports: list[Import]) -> list[str]:
    return [f"{found.source}:{found.line} imports {found.target}" for found in imports]


def test_the_reader_sees_what_there_is() -> None:
    """Guards the tests below against finding nothing because they look at nothing."""
    assert len(FILES) > 60
    assert any(found.source == "modules.app" and found.target.startswith("modules.engine.") and found.late for found in IMPORTS)
    tree = ast.parse("import a.b\nfrom . import c\nfrom .. import d\ndef f():\n    from modules.core import params\n")
    found = [(one.target, one.late) for one in imports_of("modules.ui.x", tree, False)]
    assert found == [("a.b", False), ("modules.ui", False), ("modules", False), ("modules.core.params", True)]


def test_every_package_has_its_layer() -> None:
    assert {part(name) for name in FILES} - {""} <= set(LAYERS)


def test_arrows_only_point_down() -> None:
    assert not shown([found for found in OURS if LAYERS[part(found.source)] < LAYERS[part(found.target)]])


@pytest.mark.parametrize("strangers", STRANGERS, ids=lambda strangers: " ".join(sorted(strangers)))
def test_packages_of_one_layer_do_not_know_each_other(strangers: set[str]) -> None:
    assert not shown([found for found in OURS if {part(found.source), part(found.target)} <= strangers and part(found.source) != part(found.target)])


def test_the_largest_cycle_is_zero() -> None:
    """Tarjan's algorithm over all modules, imports for type checkers included."""
    arrows: dict[str, set[str]] = {name: set() for name in FILES}
    for found in OURS:
        if found.target in FILES and found.target != found.source:
            arrows[found.source].add(found.target)
    cycles = [sorted(group) for group in components(arrows) if len(group) > 1]
    assert not cycles


def components(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in arrows[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = set()
            while True:
                group.add(stack.pop())
                if node in group:
                    break
            found.append(group)

    for node in arrows:
        if node not in index:
            visit(node)
    return found


def test_a_cycle_would_be_found() -> None:
    assert max(components({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}), key=len) == {"a", "b", "c"}


@pytest.mark.parametrize("library", OWNERS)
def test_libraries_stay_with_their_owners(library: str) -> None:
    users = [found for found in IMPORTS if found.target.split(".")[0] == library]
    owners = [f"modules.{owner}" for owner in OWNERS[library]]
    assert not shown([found for found in users if not any(f"{found.source}.".startswith(f"{owner}.") for owner in owners)])


def test_what_is_imported_is_declared() -> None:
    """A package that is only there because another one needs it may be gone tomorrow."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    declared = {re.split("[=<>]", line)[0].lower() for line in (*project["project"]["dependencies"], *project["dependency-groups"]["alone"])}
    ours = {*sys.stdlib_module_names, "modules"}
    imported = {found.target.split(".")[0] for found in IMPORTS if not found.typing} - ours
    assert {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in imported} <= declared


def test_pixels_cannot_be_reached_by_settings() -> None:
    assert not shown([found for found in OURS if part(found.source) in WITHOUT_SETTINGS and found.target == "modules.core.settings"])


def test_extensions_use_the_door_alone() -> None:
    """What comes with Easel is what authors copy from."""
    files = sorted((PROJECT / "extensions").rglob("*.py"))
    found = [one for path in files for one in imports_of(path.stem, ast.parse(path.read_text("utf-8")), False)]
    assert len(files) > 2 and any(one.target == "modules.extension" for one in found)
    assert not shown([one for one in found if one.target.split(".")[0] == "modules" and one.target != "modules.extension"])


def test_no_import_hides_in_a_function() -> None:
    hidden = [found for found in IMPORTS if found.late and not found.target.startswith(LATE.get(found.source, ())) and found.target not in STANDARD_LATE]
    assert not shown(hidden)


def test_what_must_answer_at_once_imports_no_torch() -> None:
    """In a child process, all of it at once: not directly and not through others. compel, diffusers and transformers would bring torch in."""
    names = sorted(name for name in FILES if name.startswith(WITHOUT_TORCH) or name in LIGHT_PROMPT)
    names = [name for name in names if not name.endswith("__main__")]
    program = f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n    assert 'torch' not in sys.modules, name\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_command_line_answers_without_gradio_too() -> None:
    program = "import sys\nimport modules.cli\nassert not {'torch', 'gradio', 'fastapi'} & set(sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
