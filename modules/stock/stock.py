"""The stock: every model file with what people keep beside it, as the Models tab, the API and the command line show it.

A model is named by an id made from its path and looked up among the listed ones, so no path from outside is ever opened. Knows no page and no HTTP.
"""

from __future__ import annotations

import hashlib
import json
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
from modules.catalog.scan import Library
from modules.catalog.walk import state
from modules.core.errors import BadModelFile, NotFound
from modules.core.files import replace as replace_file
from modules.core.params import from_dict
from modules.stock.groups import group_of
from modules.stock.thumbs import Thumbs, inside, shrunk

FAVOURITES = 2**20
"""Bytes of the list of favourites."""
TENSORS = 20_000
"""Rows of tensors that are told at once."""


@dataclass(frozen=True)
class Kept:
    """What is remembered of one model while neither it nor what lies beside it changes."""

    told: Notes
    site: beside.Site
    picture: Path | None


class Stock:
    """library: lists the files. favourites: where the chosen ones are noted. Any thread may call anything."""

    def __init__(self, library: Library, favourites: Path) -> None:
        self._library, self._favourites = library, favourites
        self._lock = threading.Lock()
        self._known: dict[tuple[object, ...], Kept] = {}
        self.thumbs = Thumbs()

    def cards(self) -> list[Card]:
        """Every model file that is listed, of every kind; each once."""
        library = self._library
        found = (*library.checkpoints(), *library.embeddings(), *library.upscalers(), *library.faces())
        return list({card.path: card for card in found}.values())

    def card(self, id: str) -> Card:
        """Raises NotFound."""
        found = next((card for card in self.cards() if id_of(card.path) == id), None)
        if found is None:
            raise NotFound("This model is not there any more.", "Refresh the list.", "id")
        return found

    def rows(self) -> list[dict[str, Any]]:
        """What a card shows, as plain values."""
        cards = self.cards()
        names = beside.folders(card.path for card in cards)
        often = Counter((group_of(card.kind).id, card.name) for card in cards)
        favourites, roots = self.favourites(), self._roots()
        return [self._row(card, names[card.path.parent], often, favourites, roots) for card in cards]

    def _row(self, card: Card, names: frozenset[str], often: Mapping[tuple[str, str], int], favourites: frozenset[str], roots: Sequence[str]) -> dict[str, Any]:
        kept, id, group = self._kept(card, names), id_of(card.path), group_of(card.kind)
        try:
            changed = os.stat(card.path).st_mtime
        except OSError:
            changed = 0.0
        metadata: Mapping[str, str] = getattr(card, "metadata", {})
        words = kept.site.words or beside.trigger_words(metadata)
        return {
            "id": id,
            "name": card.name,
            "file": card.path.name,
            "folder": within(card.path, roots),
            "group": group.id,
            "kind": card.kind,
            "family": card.family,
            "architecture": getattr(card, "architecture", ""),
            "variant": getattr(card, "variant", ""),
            "prediction": card.prediction,
            "precision": getattr(card, "precision", ""),
            "size": card.size,
            "changed": changed,
            "hash": card.short_hash,
            "trouble": card.trouble,
            "about": (kept.told.description or kept.site.title or card.note)[:300],
            "words": list(words[:8]),
            "activation": kept.told.activation[:2000],
            "negative": kept.told.negative[:2000],
            "weight": kept.told.weight,
            "picture": picture_version(kept.picture) or ("own" if metadata.get("modelspec.thumbnail") else ""),
            "favourite": id in favourites,
            "value": card.name if often[group.id, card.name] == 1 else str(card.path),
            "title": card.title,
        }

    def _kept(self, card: Card, names: frozenset[str] | None = None) -> Kept:
        around = [card.path.with_name(card.name + ending) for ending in (beside.NOTES, *beside.DESCRIPTIONS, beside.SITE)]
        picture = beside.picture(card.path, card.name, names)
        key = (card.path, picture, *(state(path) for path in around if names is None or path.name in names))
        with self._lock:
            if key in self._known:
                return self._known[key]
        kept = Kept(beside.notes(card.path, card.name, names), beside.site(card.path, card.name, names), picture)
        with self._lock:
            self._known[key] = kept
        return kept

    def thumb(self, id: str) -> bytes:
        """A small WebP of the model's picture. Raises NotFound, BadPicture."""
        card = self.card(id)
        picture = beside.picture(card.path, card.name)
        if picture is not None:
            return self.thumbs.of(picture)
        data = inside(getattr(card, "metadata", {}).get("modelspec.thumbnail", ""))
        if not data:
            raise NotFound(f"There is no picture of {card.name}.")
        return shrunk(data)

    def detail(self, id: str) -> dict[str, Any]:
        """One model in full: notes, path, metadata. Raises NotFound."""
        card = self.card(id)
        kept = self._kept(card)
        metadata: dict[str, str] = {}
        if card.path.is_file() and card.path.suffix.lower() == ".safetensors":
            try:
                metadata = dict(header.read(card.path).metadata)
            except BadModelFile:
                metadata = {}
        words = kept.site.words or beside.trigger_words(metadata)
        return {
            "id": id,
            "path": str(card.path),
            "sha256": card.sha256,
            "site": {"title": kept.site.title, "family": kept.site.family},
            "words": list(words),
            "notes": {name: getattr(kept.told, name) for name in beside.KEYS},
            "note": card.note,
            "metadata": {key: value if len(value) <= 20_000 else value[:20_000] + "…" for key, value in metadata.items() if key != "modelspec.thumbnail"},
        }

    def tensors(self, id: str) -> dict[str, Any]:
        """Names, shapes and types of all tensors, in file order, from the headers alone. Raises NotFound, BadModelFile."""
        card = self.card(id)
        rows: list[tuple[str, str, list[int], int]] = []
        total = 0
        for path in sorted(card.path.rglob("*.safetensors")) if card.path.is_dir() else [card.path]:
            found = header.read(path)
            part = path.parent.name + "/" if card.path.is_dir() else ""
            total += len(found.tensors)
            for name, entry in found.tensors.items():
                first, last = found.offsets[name]
                if len(rows) < TENSORS:
                    rows.append((part + name, entry.dtype, list(entry.shape), last - first))
        return {"count": total, "tensors": [{"name": name, "dtype": dtype, "shape": shape, "bytes": size} for name, dtype, shape, size in rows]}

    def note(self, id: str, told: Mapping[str, Any]) -> Notes:
        """Keeps a person's notes beside the model. Raises NotFound, InvalidRequest, OutputTrouble."""
        card = self.card(id)
        notes = from_dict(Notes, dict(told))
        beside.write_notes(card.path, card.name, notes)
        return notes

    def favourites(self) -> frozenset[str]:
        """Ids."""
        try:
            with self._favourites.open("rb") as file:
                found = json.loads(file.read(FAVOURITES))
        except (OSError, ValueError, RecursionError):
            return frozenset()
        return frozenset(id for id in found if isinstance(id, str)) if isinstance(found, list) else frozenset()

    def favour(self, id: str, on: bool) -> None:
        """Raises NotFound, OutputTrouble."""
        self.card(id)
        with self._lock:
            now = self.favourites()
            changed = now | {id} if on else now - {id}
            replace_file(self._favourites, json.dumps(sorted(changed)).encode())

    def _roots(self) -> list[str]:
        paths = self._library.paths
        places = (*paths.checkpoint_folders(), *paths.embedding_folders(), *paths.upscaler_folders(), *paths.face_folders())
        return sorted({str(place) for place in places}, key=len, reverse=True)


def id_of(path: Path) -> str:
    """The same for the same path, also after a restart."""
    return hashlib.blake2s(os.fsencode(path), digest_size=8).hexdigest()


def picture_version(picture: Path | None) -> str:
    """Changes with the picture; "" where there is none."""
    if picture is None:
        return ""
    _, size, changed = state(picture)
    return f"{size:x}-{changed:x}" if size >= 0 else ""


def within(path: Path, roots: Sequence[str]) -> str:
    """The folder of a model within its kind's folder, with forward slashes; "" directly in it."""
    parent = str(path.parent)
    root = next((root for root in roots if parent == root or parent.startswith(root + os.sep)), parent)
    return parent[len(root) :].strip(os.sep).replace(os.sep, "/")
