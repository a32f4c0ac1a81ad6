"""The small texts beside weights: JSON and yaml files. Size-capped, parsed without running anything, refused with the reason. Knows no model.

yaml: A1111's habit of a `NAME.yaml` beside `NAME.safetensors` (the training config of Rombach et al.'s latent-diffusion code).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from modules.core.errors import BadModelFile

TEXT_LIMIT = 256 * 1024
"""Bytes; real ones have 2 to 5 kB. Vocabularies are read elsewhere."""


def read_json(path: Path) -> dict[str, Any]:
    """The table in a JSON file. Raises BadModelFile."""
    return _table(path, json.loads)


def read_yaml(path: Path) -> dict[str, Any]:
    """The table in a yaml file, with the safe loader: plain values only. Raises BadModelFile."""
    return _table(path, yaml.safe_load)


def _table(path: Path, parse: Any) -> dict[str, Any]:
    shown = f"{path.parent.name}/{path.name}"
    try:
        with open(path, "rb") as file:
            data = file.read(TEXT_LIMIT + 1)
        if len(data) > TEXT_LIMIT:
            raise BadModelFile(f"{shown} is too large for a config: over {TEXT_LIMIT} bytes.", "Put the right file there.")
        found = parse(data.decode("utf-8-sig"))
    except OSError as error:
        raise BadModelFile(f"{shown} cannot be read: {error.strerror or error}.", "Download or copy the model again.") from None
    except (ValueError, RecursionError, yaml.YAMLError):
        raise BadModelFile(f"{shown} is damaged: it cannot be parsed.", "Download or copy the model again.") from None
    if not isinstance(found, dict):
        raise BadModelFile(f"{shown} holds no table of values.", "Download or copy the model again.")
    return found


def at(table: Mapping[str, Any], *names: str) -> Any:
    """The value under nested names, None where any of them is missing."""
    value: Any = table
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
