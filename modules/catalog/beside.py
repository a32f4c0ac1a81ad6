"""What lies beside a model file: a picture of it, a person's notes on it, and what a site says of it. Knows no format of weights; reads small files only.

The names are those that AUTOMATIC1111 and the tools around it use: NAME.preview.png or NAME.png (and the other kinds of pictures), NAME.json with the
notes, NAME.txt or NAME.description.txt, NAME.civitai.info. What of NAME.json is not ours to change stays as it is.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict

from modules.catalog.notes import TEXT_LIMIT, at, read_json
from modules.core.errors import EaselError, InvalidRequest
from modules.core.files import replace
from modules.core.params import STRICT, Param

PICTURES = tuple(f"{middle}{ending}" for middle in (".preview", "") for ending in (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif"))
"""Endings of the picture beside a model, in the order in which they are taken."""
NOTES, DESCRIPTIONS, SITE = ".json", (".txt", ".description.txt"), ".civitai.info"
TEXTS = (NOTES, *DESCRIPTIONS, SITE)
"""Endings of what is read of a model beside its own file."""
BESIDE = (*PICTURES, NOTES, *DESCRIPTIONS, SITE, ".yaml", ".easel.json", ".metadata.json", ".sha256")
"""Everything that belongs to a model and moves with it."""
LONGEST = 20_000
"""Characters of one note."""
TRIGGERS = ("modelspec.trigger_phrase", "ss_tag_frequency")
"""Metadata that name what calls up the training."""
WORDS = 24
"""Trigger words that are told."""


@dataclass(frozen=True, kw_only=True)
class Notes:
    """A person's own words on a model. activation: what is added to the prompt with it, negative: to the negative prompt. weight: 0 for the usual one."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    description: Annotated[str, Param("Description", max_length=LONGEST)] = ""
    activation: Annotated[str, Param("Activation text", max_length=LONGEST, hint="Added to the prompt when the card is clicked.")] = ""
    negative: Annotated[str, Param("Negative prompt", max_length=LONGEST, hint="Added to the negative prompt when the card is clicked.")] = ""
    weight: Annotated[float, Param("Preferred weight", -100, 100, 0.05, hint="0: 1.")] = 0.0
    vae: Annotated[str, Param("Preferred VAE", max_length=400, hint="Of a checkpoint: what Automatic takes.")] = ""
    notes: Annotated[str, Param("Notes", max_length=LONGEST)] = ""
    version: Annotated[str, Param("Model family", max_length=100)] = ""


KEYS: Mapping[str, str] = {
    "description": "description",
    "activation": "activation text",
    "negative": "negative text",
    "weight": "preferred weight",
    "vae": "vae",
    "notes": "notes",
    "version": "sd version",
}
"""Our names -> A1111's in NAME.json."""


def stem(model: Path, name: str) -> Path:
    """What stands before the endings. name: the card's."""
    return model.parent / name


def siblings(model: Path, name: str) -> tuple[Path, ...]:
    """The files that are there and belong to the model."""
    return tuple(path for path in (stem(model, name).with_name(name + ending) for ending in BESIDE) if path != model and path.is_file())


def folders(models: Iterable[Path]) -> dict[Path, frozenset[str]]:
    """The names in each of the models' folders, each folder read once: a thousand looks for a picture cost one look into the folder."""
    found: dict[Path, frozenset[str]] = {}
    for model in models:
        if model.parent not in found:
            names: frozenset[str] = frozenset()
            with contextlib.suppress(OSError):
                names = frozenset(os.listdir(model.parent))
            found[model.parent] = names
    return found


def picture(model: Path, name: str, names: frozenset[str] | None = None) -> Path | None:
    """The picture beside a model. names: what its folder holds, where that is known."""
    for ending in PICTURES:
        if names is not None and name + ending not in names or name + ending == model.name:
            continue
        path = model.with_name(name + ending)
        if names is not None or path.is_file():
            return path
    return None


def notes(model: Path, name: str, names: frozenset[str] | None = None) -> Notes:
    """Never raises: a file that cannot be read says nothing."""
    table: Mapping[str, Any] = {}
    if names is None or name + NOTES in names:
        table = _table(model.with_name(name + NOTES))
    texts = {ours: _text(table.get(theirs)) for ours, theirs in KEYS.items() if ours != "weight"}
    if not texts["description"]:
        texts["description"] = next(
            filter(None, (_plain(model.with_name(name + ending)) for ending in DESCRIPTIONS if names is None or name + ending in names)), ""
        )
    return Notes(**texts, weight=_weight(table.get(KEYS["weight"])))


def write_notes(model: Path, name: str, told: Notes) -> None:
    """Puts notes beside the model; what else the file holds stays. Raises InvalidRequest for a file there that is none of notes, OutputTrouble."""
    path = model.with_name(name + NOTES)
    table: dict[str, Any] = {}
    if path.is_file():
        try:
            table = read_json(path)
        except EaselError as error:
            raise InvalidRequest(f"{path.name} beside the model holds no notes. {error.what}", "Move that file away, then save the notes again.") from None
    for ours, theirs in KEYS.items():
        value = getattr(told, ours)
        if value or theirs in table:
            table[theirs] = value
    data = json.dumps(table, ensure_ascii=False, indent=4).encode("utf-8", "replace")
    if len(data) > TEXT_LIMIT:
        raise InvalidRequest(f"The notes are longer than {TEXT_LIMIT // 1024} kB.", "Shorten them.", "notes")
    replace(path, data)


@dataclass(frozen=True)
class Site:
    """What a site's file beside the model says. words: trigger words. family: the site's own word for the base model."""

    title: str = ""
    words: tuple[str, ...] = ()
    family: str = ""


def site(model: Path, name: str, names: frozenset[str] | None = None) -> Site:
    """Never raises."""
    if names is not None and name + SITE not in names:
        return Site()
    table = _table(model.with_name(name + SITE))
    given = table.get("trainedWords")
    words = tuple(_text(word) for word in given[:WORDS] if isinstance(word, str)) if isinstance(given, list) else ()
    return Site(_text(at(table, "model", "name"))[:200], tuple(filter(None, words)), _text(table.get("baseModel"))[:60])


def trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Words that call up what a file was trained on: its maker's own phrase, else the tags that its training pictures had most often."""
    phrase = " ".join(metadata.get("modelspec.trigger_phrase", "").split())
    if phrase:
        return (phrase[:400],)
    try:
        table = json.loads(metadata.get("ss_tag_frequency", "") or "{}")
    except (ValueError, RecursionError):
        return ()
    counts: dict[str, float] = {}
    for tags in table.values() if isinstance(table, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) in (int, float) and math.isfinite(count) and tag.strip():
                counts[tag.strip()[:100]] = counts.get(tag.strip()[:100], 0) + count
    return tuple(sorted(counts, key=lambda tag: -counts[tag])[:WORDS])


def _table(path: Path) -> Mapping[str, Any]:
    try:
        return read_json(path) if path.is_file() else {}
    except EaselError:
        return {}


def _plain(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(LONGEST).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _text(value: Any) -> str:
    return value.strip()[:LONGEST] if isinstance(value, str) else ""


def _weight(value: Any) -> float:
    return float(value) if type(value) in (int, float) and math.isfinite(value) and abs(value) <= 100 else 0.0
