"""A folder in which somebody has used A1111 (or Forge): its settings, the defaults of its forms, its styles, its translations of the page and its model folders. Read only, nothing executed.

Source of the layout: the project's notes on A1111 (folders, config.json, ui-config.json, styles.csv).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.a1111 import languages
from modules.a1111.languages import Languages
from modules.core.errors import EaselError, NotFound
from modules.core.paths import CHECKPOINTS, FACES, FURTHER, UPSCALERS
from modules.prompt import style_file
from modules.prompt.styles import Style

CONFIG, FORMS, STYLES = "config.json", "ui-config.json", "styles.csv"
MARKS = (CONFIG, FORMS, STYLES, "webui.py", "models")
"""One of these makes a folder an installation."""
WITHIN = ("", "webui", "stable-diffusion-webui", "stable-diffusion-webui-forge")
"""Where it lies in the folder that people name, as it is packed."""
LIMIT = 8 * 2**20
"""Bytes of a file of settings."""

MODEL_FOLDERS = tuple(dict.fromkeys((*CHECKPOINTS, "embeddings", *UPSCALERS, *FACES, *(name for names in FURTHER.values() for name in names))))
"""Folders of models, as A1111, Forge and ComfyUI name them."""
CONTROL = "extensions/sd-webui-controlnet/models"
"""Where A1111's extension keeps its own."""
UNUSED = FURTHER["hypernetwork"]
"""Those with whose files Easel does not draw."""
WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
MOST = 20_000
"""Files that are counted in a folder."""


@dataclass(frozen=True)
class Installation:
    """root: its folder. config, forms: what the two files of settings hold, {} where they are not there. styles: by name. languages: translations of the page. troubles: files that could
    not be read: name -> why."""

    root: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    forms: Mapping[str, Any] = field(default_factory=dict)
    styles: Mapping[str, Style] = field(default_factory=dict)
    languages: Languages = field(default_factory=Languages)
    troubles: Mapping[str, str] = field(default_factory=dict)

    def models(self) -> dict[str, int]:
        """Each of A1111's model folders that is there -> how many files of weights lie in it."""
        places = {name: self.root / "models" / name for name in MODEL_FOLDERS} | {name: self.root / name for name in ("embeddings", CONTROL)}
        return {name: _weights(place) for name, place in places.items() if _lies_there(place)}

    def vaes(self) -> frozenset[str]:
        """Names of the files in its folder of VAEs."""
        place = self.root / "models" / "VAE"
        try:
            return frozenset(path.name for path in place.rglob("*") if path.suffix.lower() in WEIGHTS)
        except OSError:
            return frozenset()

    def has_checkpoint(self, title: str) -> bool:
        """Whether a checkpoint that its settings name by title ("folder/name.safetensors [hash]") lies in its own folder."""
        name = title.partition(" [")[0].replace("\\", "/")
        place = self.root / "models" / "Stable-diffusion" / name
        return bool(name) and ".." not in Path(name).parts and not Path(name).is_absolute() and place.is_file()


def look(path: Path) -> Installation:
    """Raises NotFound for a folder that is none of A1111's."""
    root = next((place for inner in WITHIN if (place := path / inner).is_dir() and any((place / mark).exists() for mark in MARKS)), None)
    if root is None:
        what = f"{path} is no folder of A1111." if path.is_dir() else f"There is no folder {path}."
        raise NotFound(what, f"Name the folder that holds {CONFIG}, {FORMS} or models.", "path")
    troubles: dict[str, str] = {}
    config, forms = (_object(root / name, troubles) for name in (CONFIG, FORMS))
    found: Mapping[str, Style] = {}
    try:
        found = style_file.read(root / STYLES)
    except EaselError as error:
        troubles[STYLES] = error.what
    return Installation(root.resolve(), config, forms, found, languages.look(root), troubles)


def _object(path: Path, troubles: dict[str, str]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise ValueError
        tree = json.loads(data.decode("utf-8-sig"))
        if not isinstance(tree, dict):
            raise ValueError
    except FileNotFoundError:
        return {}
    except OSError as error:
        troubles[path.name] = f"It cannot be read: {error.strerror or error}."
        return {}
    except (ValueError, RecursionError):
        troubles[path.name] = "It holds no settings that could be read."
        return {}
    return tree


def _lies_there(place: Path) -> bool:
    """Under just this name: "VAE" and "vae" are one folder where the system does not tell them apart."""
    try:
        return place.is_dir() and place.name in os.listdir(place.parent)
    except OSError:
        return False


def _weights(folder: Path) -> int:
    count = 0
    try:
        for number, file in enumerate(folder.rglob("*")):
            if number >= MOST:
                break
            count += file.suffix.lower() in WEIGHTS
    except OSError:  # what cannot be looked through counts as far as it was
        return count
    return count
