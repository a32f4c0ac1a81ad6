"""Translations of the page in an A1111 folder: its own and those of its extensions. JSON objects, English text -> translated text; copied, for they are small."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modules.core.errors import OutputTrouble
from modules.core.files import replace

NAME = re.compile(r"[\w-]{1,60}")
"""As `ui.localization` takes them."""
LARGEST = 4 * 2**20
"""Bytes of one."""


@dataclass(frozen=True)
class Languages:
    """files: name -> bytes of those that can be used. troubles: name -> why another cannot."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)


def look(root: Path) -> Languages:
    """What lies in `localizations` of an installation and of its extensions; the first of a name counts. Never raises."""
    files: dict[str, bytes] = {}
    troubles: dict[str, str] = {}
    try:
        places = [root / "localizations", *sorted(root.glob("extensions/*/localizations"))]
        found = [path for place in places for path in sorted(place.glob("*.json"))]
    except OSError:
        found = []
    for path in found:
        if path.stem in files:
            continue
        data = _usable(path)
        if isinstance(data, bytes):
            files[path.stem] = data
            troubles.pop(path.stem, None)
        else:
            troubles.setdefault(path.stem, data)
    return Languages(files, troubles)


def names(folders: Collection[Path]) -> dict[str, bytes]:
    """Those that are here already."""
    found: dict[str, bytes] = {}
    for folder in folders:
        for path in folder.glob("*.json"):
            data = _usable(path)
            found.setdefault(path.stem, data if isinstance(data, bytes) else b"")
    return found


def keep(folder: Path, files: Mapping[str, bytes]) -> None:
    """Raises OutputTrouble."""
    for name, data in files.items():
        replace(folder / f"{name}.json", data)


def drop(folder: Path, kept: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """kept: name -> sha256 of what was copied. -> those that are gone again, and those that somebody changed since, which stay. Raises OutputTrouble."""
    gone, changed = [], []
    for name, digest in kept.items():
        path = folder / f"{name}.json"
        data = _usable(path) if NAME.fullmatch(name) else ""
        if not isinstance(data, bytes) or sha256(data) != digest:
            changed.append(name)
            continue
        try:
            path.unlink()
        except OSError as error:
            raise OutputTrouble(f"{path} could not be deleted: {error.strerror or error}.", "Delete it by hand.") from None
        gone.append(name)
    return gone, changed


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _usable(path: Path) -> bytes | str:
    """The file's bytes, or why it is not usable."""
    if not NAME.fullmatch(path.stem):
        return "Its name has signs that the name of a language has not."
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            return f"It has more than {LARGEST // 2**20} MiB."
        if not isinstance(json.loads(data.decode("utf-8-sig")), dict):
            return "It is no table of texts."
    except OSError as error:
        return f"It cannot be read: {error.strerror or error}."
    except (ValueError, RecursionError):
        return "It is no table of texts."
    return data
