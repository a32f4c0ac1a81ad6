"""`easel.json`, the small card that may lie in a model folder or, as NAME.easel.json, beside a model file: what suits this model.

    {"defaults": {"width": 128, ...}, "example": "a prompt that it draws well", "note": "one sentence", "preview": [[r, g, b], ...],
     "prediction": "v"}

A downloaded file is not trusted: each value passes the check of the parameter it is for, and what does not is left out and named in the note.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.catalog.notes import read_json
from modules.core.errors import EaselError, InvalidRequest
from modules.core.params import named, value_of, with_values
from modules.core.request import RECORDED, GenerationRequest

NOT_ADVICE = ("prompt", "model", "model_hash", *RECORDED, "seed", "count", "batch_size")
"""Parameters that belong to the person or the picture, not to a model."""

EXAMPLE_LIMIT = 1000
"""Characters of an example or a note."""

PREDICTIONS = ("eps", "v", "x0", "flow", "edm")
"""What a network may predict; said here, it counts more than what the file says or lets guess."""

PREVIEW_ROWS = 5
"""Four latent channels and the offset."""


@dataclass(frozen=True)
class Advice:
    """defaults: request values by dotted name. preview: rows latent channel -> RGB in 0..1, the last row the offset; empty when there is none.
    prediction: "" where it says nothing of it."""

    defaults: dict[str, Any] = field(default_factory=dict)
    example: str = ""
    note: str = ""
    preview: tuple[tuple[float, float, float], ...] = ()
    prediction: str = ""


def file_of(model: Path) -> Path:
    return model / "easel.json" if model.is_dir() else model.with_name(f"{model.stem}.easel.json")


def of(model: Path) -> Advice:
    """The advice in or beside a model; empty when there is none. Never raises: what is wrong is said in the note."""
    path = file_of(model)
    if not path.is_file():
        return Advice()
    try:
        table = read_json(path)
    except EaselError as error:
        return Advice(note=error.what)
    wrong: list[str] = []
    given = table.get("defaults", {})
    defaults: dict[str, Any] = {}
    for name, value in given.items() if isinstance(given, dict) else ():
        try:
            defaults[name] = _checked(name, value)
        except InvalidRequest as error:
            wrong.append(error.what)
    preview = _rows(table.get("preview"))
    if not isinstance(given, dict):
        wrong.append("Its defaults are no table of values.")
    if table.get("preview") is not None and not preview:
        wrong.append("Its preview is no table of five rows of three numbers.")
    prediction = table.get("prediction")
    if prediction is not None and prediction not in PREDICTIONS:
        wrong.append(f"Its prediction is none of {', '.join(PREDICTIONS)}.")
    note = _text(table.get("note"))
    if wrong:
        note = f"{note} {path.name} was left out in part: {' '.join(wrong)}".strip()
    return Advice(defaults, _text(table.get("example")), note, preview, prediction if isinstance(prediction, str) and prediction in PREDICTIONS else "")


def _checked(name: str, value: Any) -> Any:
    """The value as the request holds it. Raises InvalidRequest."""
    if name in NOT_ADVICE:
        raise InvalidRequest(f"{name} is no parameter that a model may set.", field=name)
    parameter = named(GenerationRequest, name)
    checked = value_of(with_values(GenerationRequest(), {name: value}), parameter)
    choices = parameter.param.names()
    if choices and checked not in choices:
        raise InvalidRequest(f"{name} = {str(checked)[:60]!r} is not known.", field=name)
    return checked


def _rows(value: Any) -> tuple[tuple[float, float, float], ...]:
    if not isinstance(value, list) or len(value) != PREVIEW_ROWS:
        return ()
    rows = []
    for row in value:
        if not isinstance(row, list) or len(row) != 3 or not all(type(number) in (int, float) and math.isfinite(number) for number in row):
            return ()
        rows.append((float(row[0]), float(row[1]), float(row[2])))
    return tuple(rows)


def _text(value: Any) -> str:
    return " ".join(value.split())[:EXAMPLE_LIMIT] if isinstance(value, str) else ""
