"""One line of "Prompts from file": a prompt, or words as on a command line (`--prompt a cat --steps 20`). Rule: the project's notes on A1111.

Knows names and types; what a value may be is the request's to say.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PromptLine:
    """values: request fields by dotted name. save: whether its pictures are kept. left: what was named and is not taken, with the reason."""

    values: Mapping[str, Any] = field(default_factory=dict)
    save: bool = True
    left: tuple[str, ...] = ()


def truth(word: str) -> bool:
    return word.casefold() == "true"


def size(word: str) -> int:
    """A1111 switches a seed size off by -1, Easel by 0."""
    return max(int(word), 0)


WORDS: Mapping[str, str] = {"prompt": "prompt", "negative_prompt": "negative_prompt"}
"""Names that take all words up to the next name."""
NAMES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "sd_model": ("model", str),
    "styles": ("styles", lambda word: tuple(name.strip() for name in word.split(",") if name.strip())),
    "seed": ("seed", int),
    "subseed": ("variation.seed", int),
    "subseed_strength": ("variation.strength", float),
    "seed_resize_from_h": ("variation.height", size),
    "seed_resize_from_w": ("variation.width", size),
    "sampler_name": ("sampler", str),
    "sampler_index": ("sampler", str),
    "batch_size": ("batch_size", int),
    "n_iter": ("count", int),
    "steps": ("steps", int),
    "cfg_scale": ("cfg_scale", float),
    "width": ("width", int),
    "height": ("height", int),
    "tiling": ("tiling", truth),
    "restore_faces": ("faces.restore", truth),
}
"""A1111's name: (our field, how its word is read)."""
FOLDER = "Easel saves into its own folders"
LEFT: Mapping[str, str] = {
    "outpath_samples": FOLDER,
    "outpath_grids": FOLDER,
    "prompt_for_display": "the picture's own prompt is shown",
    "do_not_save_grid": "there is no grid",
}
"""Names that are understood and not taken."""


def read_line(line: str) -> PromptLine:
    """Never raises: a line that cannot be read as names and words is a prompt as it stands."""
    if "--" not in line:
        return PromptLine({"prompt": line})
    try:
        return _named(shlex.split(line))
    except ValueError:
        return PromptLine({"prompt": line})


def _named(words: list[str]) -> PromptLine:
    """Raises ValueError for words that are no such line."""
    values: dict[str, Any] = {}
    left: list[str] = []
    save = True
    place = 0
    while place < len(words):
        name = words[place].removeprefix("--")
        if name == words[place]:
            raise ValueError(f"{name!r} is no name")
        place += 1
        if name in WORDS:
            end = next((at for at in range(place, len(words)) if words[at].startswith("--")), len(words))
            values[WORDS[name]] = " ".join(words[place:end])
            place = end
            continue
        if place == len(words):
            raise ValueError(f"{name!r} lacks its value")
        word = words[place]
        place += 1
        if name in NAMES:
            to, read = NAMES[name]
            values[to] = read(word)
        elif name == "do_not_save_samples":
            save = not truth(word)
        elif name in LEFT:
            left += [] if word.casefold() == "false" else [f"{name}: {LEFT[name]}"]
        else:
            raise ValueError(f"{name!r} is not known")
    return PromptLine(values, save, tuple(left))
