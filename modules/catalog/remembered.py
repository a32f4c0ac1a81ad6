"""Cards, remembered in SQLite by path, size and time of change, so that a start reads no header again. Knows no format; thread safe.

A card also depends on the rules by which it was made: the whole memory is dropped when a file of the catalog, or what is known of families, has changed.
Where the database cannot be read or written it works in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modules.catalog.card import Card
from modules.core.records import families

TABLE = "CREATE TABLE IF NOT EXISTS cards (key TEXT PRIMARY KEY, card TEXT NOT NULL)"
RULES = "CREATE TABLE IF NOT EXISTS rules (rules TEXT NOT NULL)"
KEPT = 3
"""As many times as many cards as are in use are kept, for folders that are not there today."""


class CardMemory:
    """path: the database file, its folder is made; None keeps everything in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._rows: dict[str, Card] | None = None
        self._new: dict[str, Card] = {}

    def get(self, key: str) -> Card | None:
        with self._lock:
            if self._rows is None:
                self._rows = dict(self._read())
            return self._rows.get(key)

    def put(self, key: str, card: Card) -> None:
        with self._lock:
            self._rows = self._rows if self._rows is not None else dict(self._read())
            self._rows[key] = self._new[key] = card

    def save(self, used: Iterable[str]) -> None:
        """Writes what is new. used: the keys in use, so that others can be forgotten when they become many."""
        with self._lock:
            rows, new = self._rows or {}, {key: card for key, card in self._new.items() if not card.defaults and not card.preview}
            self._new = {}
            kept = set(used)
            gone = [key for key in rows if key not in kept] if len(rows) > KEPT * len(kept) + 100 else []
            for key in gone:
                del rows[key]
            if self._path is None or not new and not gone:
                return
            with contextlib.suppress(OSError, sqlite3.Error, ValueError), contextlib.closing(self._opened()) as database, database:
                database.executemany("REPLACE INTO cards VALUES (?, ?)", [(key, _text(card)) for key, card in new.items()])
                database.executemany("DELETE FROM cards WHERE key = ?", [(key,) for key in gone])

    def _read(self) -> Iterable[tuple[str, Card]]:
        if self._path is None or not self._path.is_file():
            return []
        try:
            with contextlib.closing(self._opened()) as database:
                return [(key, _card(text)) for key, text in database.execute("SELECT key, card FROM cards")]
        except (OSError, sqlite3.Error, ValueError, TypeError, KeyError):
            with contextlib.suppress(OSError):
                self._path.unlink()
            return []

    def _opened(self) -> sqlite3.Connection:
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=5)
        try:
            database.execute(TABLE)
            database.execute(RULES)
            told, rules = database.execute("SELECT rules FROM rules").fetchone(), _rules()
            if told is None or told[0] != rules:
                with database:
                    database.execute("DELETE FROM cards")
                    database.execute("DELETE FROM rules")
                    database.execute("INSERT INTO rules VALUES (?)", (rules,))
        except sqlite3.Error:
            database.close()
            raise
        return database


def _rules() -> str:
    """Changes when the catalog's code or the records of families do."""
    files = [*sorted(Path(__file__).parent.glob("*.py")), Path(families.__file__)]
    states = [(file.name, (status := os.stat(file)).st_size, status.st_mtime_ns) for file in files]
    return json.dumps([states, [(record.name, record.variants, record.whole) for record in families.FAMILIES]])


FIELDS = tuple(item.name for item in dataclasses.fields(Card) if item.name not in ("path", "config", "defaults", "preview", "sha256", "example"))


def _text(card: Card) -> str:
    values: dict[str, Any] = {name: getattr(card, name) for name in FIELDS}
    return json.dumps({**values, "path": str(card.path), "config": str(card.config) if card.config else None, "metadata": dict(card.metadata)})


def _card(text: str) -> Card:
    values = json.loads(text)
    config = values.pop("config")
    return Card(**{**values, "path": Path(values["path"]), "config": Path(config) if config else None})
