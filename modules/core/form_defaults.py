"""What a person chose as the start values of the page's forms: ui-config.json, by form and by parameter. Knows no form and no parameter.

They fill a new page and nothing else: a program's request and a rerun never see them. Values are checked by whoever fills a form with them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.core.errors import OutputTrouble
from modules.core.files import replace, set_aside

LARGEST = 2**20
"""Bytes of the file."""


class FormDefaults:
    """path: of the file, which need not be there. notes: what went wrong with it, one sentence each. Any thread may call anything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.notes: list[str] = []
        self._values = self._load()

    def of(self, form: str) -> Mapping[str, Any]:
        """A form's chosen start values, by dotted name of the parameter."""
        return self._values.get(form, {})

    def change(self, form: str, values: Mapping[str, Any]) -> None:
        """These and no others are the form's from now on. Raises OutputTrouble; nothing has changed then."""
        with self._lock:
            changed = {name: held for name, held in self._values.items() if name != form} | ({form: dict(values)} if values else {})
            replace(self._path, json.dumps(changed, ensure_ascii=True, indent=4).encode())
            self._values = changed

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            with self._path.open("rb") as file:
                tree = json.loads(file.read(LARGEST))
            if not isinstance(tree, dict) or not all(isinstance(values, dict) for values in tree.values()):
                raise ValueError
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.notes.append(f"{self._path} could not be read: {error.strerror or error}. The forms start without it.")
            return {}
        except (ValueError, RecursionError):
            try:
                aside = set_aside(self._path)
                self.notes.append(f"{self._path} holds no start values that Easel could read. It was kept as {aside.name}.")
            except OutputTrouble as trouble:
                self.notes.append(str(trouble))
            return {}
        return tree
