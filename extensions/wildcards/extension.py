"""Wildcards: __animal__ stands for a line of wildcards/animal.txt, {a|b} for a or b; the picture's seed chooses."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping

from modules.extension import PROMPT_LIMIT, TEXTS, Extension, GenerationRequest, JsonValue, Note, Place

from .grammar import is_name
from .picking import Picker, TooMuch
from .shelf import Shelf, glance

KEPT = 50
"""Choices of one text that are recorded, and characters of each."""
LONG = 120
NETWORK = re.compile(r"<[^<>]*>")
SHOWN = 4
"""Lines of a file that are shown beside its name."""


class Wildcards(Extension):
    description = "Writes prompts from templates: __name__ stands for a line of wildcards/name.txt, {a|b} for a or b. The seed chooses."
    version = "1.0"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._shelf = Shelf((place.data / "wildcards", place.folder / "wildcards"))

    def prepare(self, request: GenerationRequest, note: Note) -> GenerationRequest:
        lines = self._shelf.look_up()
        before = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
        before |= {"hires.prompt": request.hires.prompt, "hires.negative_prompt": request.hires.negative_prompt}
        after = dict(before)
        picks: dict[str, JsonValue] = {}
        for name in TEXTS:
            kind = "negative" if name.endswith("negative_prompt") else "prompt"
            picker = Picker(request.seed, kind, lines, PROMPT_LIMIT)
            try:
                after[name] = picker.expand(before[name])
            except TooMuch as why:
                note(str(why))
                continue
            self._complain(picker, before[name], note)
            if picker.picks:
                picks[name] = [[source[:LONG], chosen[:LONG]] for source, chosen in picker.picks[:KEPT]]
        if after == before:
            return request
        hires = dataclasses.replace(request.hires, prompt=after["hires.prompt"], negative_prompt=after["hires.negative_prompt"])
        record: dict[str, dict[str, JsonValue]] = {**request.extensions, self.place.name: {"picks": picks}}
        return dataclasses.replace(request, prompt=after["prompt"], negative_prompt=after["negative_prompt"], hires=hires, extensions=record)

    def insertions(self) -> Mapping[str, str]:
        return {f"__{name}__": about(*glance(path)) for name, path in self._shelf.names().items() if is_name(name)}

    def _complain(self, picker: Picker, text: str, note: Note) -> None:
        for name in picker.unknown:
            if f"__{name}__" in text and f"__{name}__" not in NETWORK.sub("", text):  # a part of a LoRA's name
                continue
            near = difflib.get_close_matches(name, self._shelf.names(), 2, 0.6)
            file = self.place.data / "wildcards" / f"{name}.txt"
            hint = f"Near it: {', '.join(near)}." if near else "" if set("*?") & set(name) else f"Put its lines into {file}."
            note(f"There is no wildcard __{name}__, so it stands in the prompt as it is. {hint}".strip())
        for name in picker.circles:
            note(f"The wildcard __{name}__ leads back to itself, so it stands in the prompt as it is.")


def about(texts: tuple[str, ...], whole: bool) -> str:
    """ "24: cat, dog, fox, owl …"; without the number of a long file."""
    shown = ", ".join(text[:40] for text in texts[:SHOWN])
    count = f"{len(texts)}: " if whole else ""
    return f"{count}{shown}{' …' if len(texts) > SHOWN or not whole else ''}" if texts else "empty"
