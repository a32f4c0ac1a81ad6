"""What a card shows, as plain values, and how it is kept: thousands of cards are told again and again, so what has not changed on the disk is not made anew.

Of each file only what lies beside it is looked at again, by size and time; the file itself is the library's matter, which gives another card when it changes.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.catalog import beside, header
from modules.catalog.beside import Notes
from modules.catalog.card import Card
from modules.catalog.titles import called
from modules.catalog.walk import State, state
from modules.core.errors import BadModelFile
from modules.core.records.families import FAMILIES
from modules.stock.groups import group_of
from modules.stock.ids import id_of


@dataclass(frozen=True)
class Beside:
    """What lies beside one model, and the words that call it up."""

    told: Notes
    words: tuple[str, ...]
    site: beside.Site
    picture: Path | None


@dataclass(frozen=True)
class Made:
    """A row and what it was made from. names: of the folder's files. states: of those beside the model."""

    card: Card
    names: frozenset[str]
    states: tuple[State, ...]
    row: Mapping[str, Any]

    def holds(self, card: Card, names: frozenset[str]) -> bool:
        mine = self.card
        same = mine is card or (mine.metadata is card.metadata and mine.sha256 == card.sha256)  # a card that only learnt its hash keeps the rest
        return same and self.names is names and all(state(path) == (path, size, changed) for path, size, changed in self.states)


class Rows:
    """May be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[str, frozenset[str]] = {}
        self._made: dict[str, Made] = {}

    def of(self, cards: Sequence[Card], favourites: frozenset[str], roots: Sequence[str]) -> list[dict[str, Any]]:
        """favourites: ids. roots: the folders that kinds of files have, the longest path first."""
        with self._lock:
            paths = [str(card.path) for card in cards]
            folders = [os.path.dirname(path) for path in paths]
            places = {folder: (self._listed(folder), within(folder, roots)) for folder in set(folders)}
            made = [self._row(path, card, places[folder][0]) for path, card, folder in zip(paths, cards, folders, strict=True)]
            often = Counter((row["group"], row["name"]) for row in made)
            return [
                {
                    **row,
                    "folder": places[folder][1],
                    "favourite": row["id"] in favourites,
                    "value": row["name"] if often[row["group"], row["name"]] == 1 else path,
                }
                for path, folder, row in zip(paths, folders, made, strict=True)
            ]

    def _listed(self, folder: str) -> frozenset[str]:
        """The names in a folder; the very same set as long as it holds the same."""
        try:
            names = frozenset(os.listdir(folder))
        except OSError:
            names = frozenset()
        if self._folders.get(folder) != names:
            self._folders[folder] = names
        return self._folders[folder]

    def _row(self, path: str, card: Card, names: frozenset[str]) -> Mapping[str, Any]:
        made = self._made.get(path)
        if made is None or not made.holds(card, names):
            around = [card.name + ending for ending in beside.TEXTS if card.name + ending in names]
            picture = beside.picture(card.path, card.name, names)
            states = tuple(state(f"{os.path.dirname(path)}{os.sep}{name}") for name in (*around, *([picture.name] if picture else ())))
            made = self._made[path] = Made(card, names, states, row_of(card, seen_beside(card, names)))
        return made.row


def row_of(card: Card, found: Beside) -> dict[str, Any]:
    """All of it that hangs on this one model."""
    return {
        "id": id_of(card.path),
        "name": card.name,
        "file": card.path.name,
        "group": group_of(card.kind).id,
        "kind": card.kind,
        "family": card.family,
        "architecture": card.architecture,
        "called": called(card.architecture),
        "space": space_of(card.family),
        "variant": card.variant,
        "prediction": card.prediction,
        "guessed": card.guessed,
        "precision": card.precision,
        "size": card.size,
        "changed": max(state(card.path)[2], 0) / 1e9,
        "hash": card.short_hash,
        "trouble": card.trouble,
        "about": (found.told.description or found.site.title or card.note)[:300],
        "words": list((found.site.words or found.words)[:8]),
        "activation": found.told.activation[:2000],
        "negative": found.told.negative[:2000],
        "weight": found.told.weight,
        "picture": picture_version(found.picture) or ("own" if card.metadata.get("modelspec.thumbnail", "").startswith("data:image/") else ""),
        "title": card.title,
    }


def seen_beside(card: Card, names: frozenset[str] | None = None) -> Beside:
    """names: what its folder holds, where that is known. Reads small files. Never raises."""
    words = beside.trigger_words(whole(card)) if any(name in card.metadata for name in beside.TRIGGERS) else ()
    picture = beside.picture(card.path, card.name, names)
    return Beside(beside.notes(card.path, card.name, names), words, beside.site(card.path, card.name, names), picture)


def whole(card: Card) -> Mapping[str, str]:
    """A file's own texts uncut, read anew; the card keeps their beginnings. Never raises."""
    if not card.metadata or card.path.suffix.lower() != ".safetensors":
        return card.metadata
    try:
        return header.read(card.path).metadata
    except BadModelFile:
        return card.metadata


def space_of(family: str) -> str:
    """What families that share their latents have in common; "" for what is of no family."""
    record = FAMILIES.find(family)
    return (record.space or record.name) if record else ""


def picture_version(picture: Path | None) -> str:
    """Changes with the picture; "" where there is none."""
    if picture is None:
        return ""
    _, size, changed = state(picture)
    return f"{size:x}-{changed:x}" if size >= 0 else ""


def within(folder: Path | str, roots: Sequence[str]) -> str:
    """A folder within its kind's folder, with forward slashes; "" for that one itself."""
    parent = str(folder)
    root = next((root for root in roots if parent == root or parent.startswith(root + os.sep)), parent)
    return parent[len(root) :].strip(os.sep).replace(os.sep, "/")
