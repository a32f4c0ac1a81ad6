"""The stock: every model file with what people keep beside it, as the Models tab, the API and the command line show it.

A model is named by an id made from its path and looked up among the listed ones, so no path from outside is ever opened. Knows no page and no HTTP.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.catalog import advice, beside, header
from modules.catalog.beside import Notes
from modules.catalog.card import Card
from modules.catalog.notes import read_json
from modules.catalog.scan import STARTER, Library
from modules.core.errors import InvalidRequest, NotFound, Unsupported
from modules.core.files import replace as replace_file
from modules.core.params import from_dict
from modules.core.paths import FURTHER
from modules.stock import trash
from modules.stock.ids import id_of
from modules.stock.rows import Rows, seen_beside, whole
from modules.stock.thumbs import Thumbs, inside, shrunk

FAVOURITES = 2**20
"""Bytes of the list of favourites."""
TENSORS = 20_000
"""Rows of tensors that are told at once."""


class Stock:
    """library: lists the files. favourites: where the chosen ones are noted. Any thread may call anything."""

    def __init__(self, library: Library, favourites: Path) -> None:
        self._library, self._favourites = library, favourites
        self._lock = threading.Lock()
        self._rows = Rows()
        self.thumbs = Thumbs()

    def cards(self) -> list[Card]:
        """Every model file that is listed, of every kind; each once."""
        return list({str(card.path): card for card in self._library.files()}.values())

    def card(self, id: str) -> Card:
        """Raises NotFound."""
        found = next((card for card in self.cards() if id_of(card.path) == id), None)
        if found is None:
            raise NotFound("This model is not there any more.", "Refresh the list.", "id")
        return found

    def rows(self) -> list[dict[str, Any]]:
        """What a card shows, as plain values."""
        return self._rows.of(self.cards(), self.favourites(), self._roots())

    def thumb(self, id: str) -> bytes:
        """A small WebP of the model's picture. Raises NotFound, BadPicture."""
        card = self.card(id)
        picture = beside.picture(card.path, card.name)
        if picture is not None:
            return self.thumbs.of(picture)
        data = inside(whole(card).get("modelspec.thumbnail", ""))
        if not data:
            raise NotFound(f"There is no picture of {card.name}.")
        return shrunk(data)

    def detail(self, id: str) -> dict[str, Any]:
        """One model in full: notes, path, metadata. predicts: what a note beside it says. fixed: it belongs to Easel. Raises NotFound."""
        card = self.card(id)
        kept, metadata = seen_beside(card), whole(card)
        words = kept.site.words or kept.words
        return {
            "id": id,
            "path": str(card.path),
            "sha256": card.sha256,
            "site": {"title": kept.site.title, "family": kept.site.family},
            "words": list(words),
            "notes": {name: getattr(kept.told, name) for name in beside.KEYS},
            "note": card.note,
            "predicts": advice.of(card.path).prediction,
            "fixed": card.path == STARTER,
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

    def show(self, id: str, data: bytes, ending: str) -> None:
        """Makes a picture the card's. ending: ".png", ".jpg", ... as the bytes are. One that stood there goes into the trash.
        Raises NotFound, BadPicture, OutputTrouble."""
        card = self.card(id)
        shrunk(data)
        for old in beside.PICTURES:
            path = card.path.with_name(card.name + old)
            if old.startswith(".preview") and path.is_file():
                trash.put(path, path.name)
        replace_file(card.path.with_name(f"{card.name}.preview{ending}"), data)

    def bin(self, id: str) -> trash.Binned:
        """Moves a model into the trash, with what lies beside it. Raises NotFound, Unsupported, OutputTrouble."""
        card = self.card(id)
        if card.path == STARTER:
            raise Unsupported(f"{card.name} belongs to Easel itself.", "It is listed last, and does no harm.")
        gone = trash.put(card.path, card.name)
        self._library.refresh()
        return gone

    def binned(self) -> list[trash.Binned]:
        """What lies in the trash, latest first."""
        return trash.listed(map(Path, self._roots()))

    def restore(self, id: str) -> Path:
        """Out of the trash again. id: of the deletion. Raises NotFound, OutputTrouble."""
        path = trash.restore(trash.find(id, map(Path, self._roots())))
        self._library.refresh()
        return path

    def empty(self, ids: Sequence[str]) -> int:
        """Deletes these for good. -> bytes freed. Raises NotFound, OutputTrouble."""
        found = {one.id: one for one in self.binned()}
        missing = next((id for id in ids if id not in found), None)
        if missing is not None:
            raise NotFound("This is not in the trash any more.", "Look at the list.", "id")
        return trash.empty([found[id] for id in ids])

    def predicts(self, id: str, prediction: str) -> None:
        """Keeps beside the model what its network predicts, where the file does not say it or says it wrongly; "" takes that back.
        Raises NotFound, InvalidRequest, BadModelFile for a damaged note there, OutputTrouble."""
        card = self.card(id)
        if prediction and prediction not in advice.PREDICTIONS:
            raise InvalidRequest(f"prediction = {prediction[:40]!r} is not known.", f"Give one of {', '.join(advice.PREDICTIONS)}.", "prediction")
        if card.path == STARTER:
            raise Unsupported(f"{card.name} belongs to Easel itself.", "It says what it predicts.")
        path = advice.file_of(card.path)
        table = read_json(path) if path.is_file() else {}
        table.pop("prediction", None)
        if prediction:
            table["prediction"] = prediction
        replace_file(path, json.dumps(table, ensure_ascii=False, indent=4).encode("utf-8", "replace"))
        self._library.refresh()

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
        further = [place for kind in FURTHER for place in paths.further_folders(kind)]
        places = (*paths.checkpoint_folders(), *paths.embedding_folders(), *paths.upscaler_folders(), *paths.face_folders(), *further)
        return sorted({str(place) for place in places}, key=len, reverse=True)
