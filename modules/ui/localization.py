"""The page in another language: a catalogue of its English texts and theirs, as A1111's localizations are. In English nothing of this is on the page.

A catalogue is a JSON object, English text -> translated text; {0}, {1} ... stand for what is filled in. `assets/localization.js` puts the texts in their place
as they come onto the page; here are only the names in menus, which the browser would send back. What people write is never translated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from modules.core.paths import PROJECT, Paths

ENGLISH = "None"
"""A1111's name for no translation."""
LARGEST = 4 * 2**20
"""Bytes of a catalogue."""
LONGEST = 4000
"""Characters of a text in it."""
NAME = re.compile(r"[\w-]{1,60}")


@dataclass(frozen=True)
class Catalogue:
    """name: of its file, a language's as in de_DE. texts: English -> translated."""

    name: str
    texts: Mapping[str, str]

    @property
    def language(self) -> str:
        """As HTML names it: de-DE."""
        return self.name.replace("_", "-")

    def word(self, text: str) -> str:
        """One whole text, or as it is where the catalogue lacks it."""
        return self.texts.get(text, text)


def folders(paths: Paths) -> tuple[Path, ...]:
    """Where catalogues lie, the user's own first."""
    return paths.localizations, PROJECT / "localizations"


def names(paths: Paths) -> list[str]:
    """What the setting may name, English first."""
    found = {path.stem for folder in folders(paths) for path in folder.glob("*.json") if NAME.fullmatch(path.stem)}
    return [ENGLISH, *sorted(found)]


def load(paths: Paths, name: str) -> Catalogue | None:
    """None for English, and for a catalogue that is not there or cannot be read: the page is then in English."""
    if name == ENGLISH or not NAME.fullmatch(name):
        return None
    for folder in folders(paths):
        try:
            with (folder / f"{name}.json").open("rb") as file:
                tree = json.loads(file.read(LARGEST).decode("utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(tree, dict):
            return Catalogue(name, {text: word for text, word in tree.items() if isinstance(word, str) and word and len(text) + len(word) <= LONGEST})
    return None


def apply(blocks: gr.Blocks, catalogue: Catalogue) -> None:
    """Menus whose entries are all words of the program show them translated; what they send stays. Names of models, samplers and the like stay as they are."""
    for block in blocks.blocks.values():
        choices = getattr(block, "choices", None)
        if not choices or not isinstance(block, gr.Dropdown | gr.Radio | gr.CheckboxGroup):
            continue
        if all(shown in catalogue.texts for shown, _ in choices):
            block.choices = [(catalogue.word(shown), value) for shown, value in choices]


def styles(text: str, catalogue: Catalogue) -> str:
    """The words that a style sheet itself shows."""
    return re.sub(r'content: "([^"]+)"', lambda found: f"content: {json.dumps(catalogue.word(found[1]), ensure_ascii=False)}", text)
