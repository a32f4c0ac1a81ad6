"""Folders of extensions, written by the test that needs them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.extension.shelf import Extensions

Write = Callable[..., Path]

HEAD = "from __future__ import annotations\nimport dataclasses\nfrom modules.extension import Extension, GenerationRequest, Note, Place\n"
LOUD = """
class Loud(Extension):
    description = "Shouts."
    version = "2"

    def prepare(self, request: GenerationRequest, note: Note) -> GenerationRequest:
        return dataclasses.replace(request, prompt=request.prompt.upper())
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write("name", source, other="source of other.py")"""

    def make(name: str, source: str = LOUD, **others: str) -> Path:
        folder = tmp_path / "extensions" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "extension.py").write_text(HEAD + textwrap.dedent(source), "utf-8")
        for stem, text in others.items():
            (folder / f"{stem}.py").write_text(textwrap.dedent(text), "utf-8")
        return folder

    return make


@pytest.fixture
def shelf(tmp_path: Path) -> Extensions:
    """Loads when it is first asked. off: names that a test switches off."""
    return Extensions([tmp_path / "extensions", tmp_path / "bundled"], tmp_path)
