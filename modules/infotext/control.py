"""Control units as A1111's ControlNet extension writes them into a picture's text ("ControlNet 0", "ControlNet 1", ...), and back. Forge's are the same.

Such a text holds no pictures: whoever reads one must be given them again. Easel's own record names them by their content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from modules.core.blobs import REFERENCE
from modules.core.control import LIMIT, ControlUnit
from modules.core.params import named, value_of
from modules.core.records.annotators import ANNOTATORS
from modules.core.records.control_types import UNTOLD
from modules.infotext.coerce import Unusable, coerce
from modules.infotext.names import clean, file_name, stem

KEYS = tuple(f"ControlNet {number}" for number in range(LIMIT))
WRITTEN: Mapping[str, str] = {
    "Module": "module",
    "Model": "model",
    "Weight": "weight",
    "Resize Mode": "resize_mode",
    "Processor Res": "resolution",
    "Threshold A": "threshold_a",
    "Threshold B": "threshold_b",
    "Guidance Start": "start",
    "Guidance End": "end",
    "Pixel Perfect": "pixel_perfect",
    "Control Mode": "mode",
    "Hr Option": "hires",
    "Union Control Type": "union",
    "Injection": "injection",
}
"""Keys in the extension's order -> fields; the last one is Easel's own."""
OLD = ("preprocessor", "model", "weight", "starting/ending", "resize mode", "pixel perfect", "control mode", "preprocessor params")
"""Keys of its versions before 1.1.400."""
UNSAID = {"threshold_a": -1.0, "threshold_b": -1.0, "hires": "Both", "union": UNTOLD, "injection": "Whole picture"}
"""Fields that are left out at this value."""
NO_PICTURE = "The control picture is not in the text; give it again."
_PARTS = re.compile(rf"(?:^|,\s*)((?i:{'|'.join(map(re.escape, (*WRITTEN, *OLD)))})|[A-Z][A-Za-z]*(?: [A-Z][A-Za-z]*)+):\s*")
"""Also keys that only the extension knows: two words in capitals."""
_HASHED = re.compile(r"^(?P<name>.*?)\s*\[(?P<hash>[0-9a-fA-F]{8,64})\]$")
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")


def written(units: tuple[ControlUnit, ...]) -> dict[str, str]:
    """Key -> text of each unit."""
    return {key: _one(unit) for key, unit in zip(KEYS, units, strict=False)}


def _one(unit: ControlUnit) -> str:
    said: list[str] = []
    for key, name in WRITTEN.items():
        value = value_of(unit, named(ControlUnit, name))
        if name in UNSAID and value == UNSAID[name]:
            continue
        if name == "model":
            value = f"{value} [{unit.model_hash[:10]}]" if unit.model_hash else value or "None"
        said.append(f"{key}: {float(value) if type(value) is int and name != 'resolution' else value}")
    return ", ".join(said)


class Told(NamedTuple):
    """key: of the text. unit: as far as it could be read, a dictionary of fields; None where nothing could. notes: what could not."""

    key: str
    text: str
    unit: dict[str, Any] | None
    notes: tuple[str, ...]


def told(said: Mapping[str, Any]) -> Iterator[Told]:
    """The units that a text names, in order; at most as many as a request has."""
    for key in ("ControlNet", *KEYS):
        if isinstance(text := said.get(key), str):
            yield _read(key, text)


def _read(key: str, text: str) -> Told:
    marks = list(_PARTS.finditer(text[:4000]))
    ends = [*(mark.start() for mark in marks[1:]), len(text)][: len(marks)]
    parts = {mark[1].casefold(): text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}
    if not parts.get("model") or parts["model"] == "None":
        return Told(key, text, None, ("It names no model.",))
    values, notes = _modern(parts), [NO_PICTURE]
    if "preprocessor" in parts:
        values |= _old(parts)
    unit: dict[str, Any] = {}
    found = _HASHED.match(parts["model"])
    unit["model"] = stem(found["name"] if found else parts["model"])
    if found and len(found["hash"]) >= 10:
        unit["model_hash"] = found["hash"].lower()
    module = ANNOTATORS.find(str(values.pop("module", "none")))
    if module is None:
        notes.append(f"There is no preprocessor {clean(parts.get('module') or parts.get('preprocessor', ''))[:80]!r} here; give the map that it made.")
    unit["module"] = module.name if module else "none"
    for name, value in values.items():
        try:
            unit[name], change = coerce(named(ControlUnit, name), value)
        except Unusable as problem:
            change = f"{name}: {problem}"
        notes += [change] if change else []
    return Told(key, text, unit, tuple(notes))


def _modern(parts: Mapping[str, str]) -> dict[str, Any]:
    return {name: parts[key.casefold()] for key, name in WRITTEN.items() if key.casefold() in parts and name != "model"}


def _old(parts: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {"module": parts["preprocessor"]}
    values |= dict(zip(("start", "end"), _NUMBERS.findall(parts.get("starting/ending", "")), strict=False))
    given = dict(zip(("resolution", "threshold_a", "threshold_b"), _NUMBERS.findall(parts.get("preprocessor params", "")), strict=False))
    return values | {name: value for name, value in given.items() if float(value) >= (64 if name == "resolution" else 0)}


def without_places(units: Any, leave: Callable[[str, object, str], None]) -> Any:
    """The units of Easel's own record with names instead of places of files, and references or nothing for pictures. leave: is told what was dropped."""
    if not isinstance(units, list):
        return units
    safe: list[Any] = []
    for number, unit in enumerate(units):
        unit = dict(unit) if isinstance(unit, Mapping) else unit
        for name in ("model", "encoder", "annotator") if isinstance(unit, dict) else ():
            if isinstance(given := unit.get(name), str) and re.search(r"[/\\]|^[A-Za-z]:|^\.*$", given):
                unit[name] = file_name(given)
        for name in ("image", "mask") if isinstance(unit, dict) else ():
            if (given := unit.get(name)) and not (isinstance(given, str) and REFERENCE.fullmatch(given)):
                leave(f"control.{number}.{name}", given, "This is no reference to a picture: sha256: and 64 hexadecimal digits.")
                unit[name] = ""
        safe.append(unit)
    return safe


def shown(units: Any) -> str:
    """What a table says of units as they stand in a record."""
    try:
        made = tuple(ControlUnit(**unit) for unit in units)
        return " | ".join(_one(unit) for unit in made)
    except (TypeError, ValueError, AttributeError):
        return ""
