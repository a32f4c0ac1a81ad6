"""docs/extensions.md tells the truth: its example runs, it names every hook and every public name, and what it says of wildcards is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import modules.extension
from modules.core.paths import PROJECT, Paths
from modules.core.request import GenerationRequest
from modules.extension.registration import hooks
from modules.extension.shelf import KEPT, Extensions

TEXT = (PROJECT / "docs" / "extensions.md").read_text("utf-8")


def test_its_example_does_what_it_says(tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    folder = tmp_path / "extensions" / "ending"
    folder.mkdir(parents=True)
    (folder / "extension.py").write_text(source, "utf-8")
    shelf = Extensions([tmp_path / "extensions"], tmp_path)
    (entry,) = shelf.entries()
    assert (entry.state, entry.trouble) == ("on", "")
    notes: list[str] = []
    made = shelf.prepare(GenerationRequest(prompt="a cat"), notes.append)
    assert made.prompt == "a cat, soft light" and made.extensions == {"ending": {"was": {"prompt": "a cat"}}}
    assert shelf.prepare(made, notes.append) is made and notes == ["The prompt says soft light already."]


def test_it_names_every_hook_and_every_public_name() -> None:
    assert all(f"`{name}({', '.join(signature.parameters)})`" in TEXT for name, signature in hooks().items())
    assert all(f"`{name}`" in TEXT for name in modules.extension.__all__)
    assert all(f"`{name}`" in TEXT for name in KEPT)


@pytest.mark.parametrize(
    "template", [cell.replace("\\|", "|") for row in re.findall(r"^\| (`.*`) \|", TEXT, re.MULTILINE) for cell in re.findall(r"`([^`]*)`", row)]
)
def test_its_table_of_wildcards_is_so(tmp_path: Path, template: str) -> None:
    for name in ("animal", "nature/tree", "colours/x", "colours"):
        (tmp_path / "wildcards" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "wildcards" / f"{name}.txt").write_text("cat\ndog\n", "utf-8")
    notes: list[str] = []
    made = Extensions(Paths(data=tmp_path).extensions, tmp_path).prepare(GenerationRequest(prompt=template, seed=3), notes.append)
    assert made.prompt != template and notes == []
    assert re.fullmatch(r"[a-c]|cat|dog|[abc], [abc]|(cat|dog) and (cat|dog)|[{}]|__", made.prompt)
