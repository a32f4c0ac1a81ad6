"""What came out of a picture: a request, and a table that says of each value whether it could be restored. Knows no tool and no file format.

`Draft` is the only way into that request. Whatever a file says passes its checks: types, limits, names without paths. Nothing here raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from modules.core.errors import InvalidRequest
from modules.core.params import from_dict, named, to_dict
from modules.core.request import GenerationRequest
from modules.core.wish import Wish
from modules.infotext import keys
from modules.infotext.coerce import Unusable, coerce
from modules.infotext.names import clean, shown, stem

LORAS, NAME = 50, 200
"""LoRAs that are taken from a file, and characters of each one's name."""

State = Literal["restored", "approximated", "not restored"]


@dataclass(frozen=True)
class Row:
    """key: as the picture's own tool calls it. value: what it says. note: why it is not simply restored, in a sentence."""

    key: str
    value: str
    state: State = "restored"
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """source: the tool that made the picture, "" when nothing was found. notes: what the user should know. facts: versions and the like, for the record.
    index: place of this picture among those that the request makes; a script makes several.
    upscaler: the name of one that needs a file, for which the request's stands in; whether it is here is for the catalog to say (`with_upscaler`).
    wish: what makes it again, where that is not `request`: a picture that was enlarged says of what, and `request` is what made the small one."""

    request: GenerationRequest
    source: str = ""
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    index: int = 0
    upscaler: str = ""
    wish: Wish | None = None

    @property
    def again(self) -> Wish | None:
        """What makes the picture again; None where it does not say."""
        return self.wish or (self.request if self.source else None)

    def with_upscaler(self, name: str) -> Reading:
        """The picture's own upscaler instead of the one that stands in for it. name: as the catalog calls it."""
        request = replace(self.request, hires=replace(self.request.hires, upscaler=name))
        rows = [Row(row.key, row.value) if row.note and row.value == self.upscaler else row for row in self.rows]
        return replace(self, request=request, rows=rows, upscaler="")

    def with_modules(self, companions: Mapping[str, str], vae: str) -> Reading:
        """With what the folders know of the files that the picture was drawn with beside its checkpoint. companions: those that are here. vae: the one among them that
        takes the place of the checkpoint's own; "" for none."""
        taken = {*map(str.casefold, (*companions, stem(vae)))}
        gone = {name for name in self.request.companions if name.casefold() not in taken}
        rows = [Row(row.key, row.value, "not restored", keys.MODULE) if row.key.startswith("Module ") and row.value in gone else row for row in self.rows]
        return replace(self, request=replace(self.request, companions=dict(companions), vae=vae or self.request.vae), rows=rows)


class Draft:
    """Gathers values under the dotted names of request fields."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.values: dict[str, Any] = {}
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self.facts: dict[str, str] = {}
        self.upscaler = ""
        self.loras: list[str] = []

    def take(self, key: str, name: str, value: object, note: str = "", *, said: object = None) -> bool:
        """Sets field `name` from what the picture says under `key`. A note makes the row "approximated". Says whether the value could be used.

        said: what the table shows, where the picture's own word differs from ours."""
        if value is None:
            return False
        try:
            usable, change = coerce(named(GenerationRequest, name), value)
        except Unusable as problem:
            self.leave(key, value, str(problem))
            return False
        self.values[name] = usable
        note = " ".join(filter(None, (note, change)))
        self.rows.append(Row(clean(key), shown(value if said is None else said), "approximated" if note else "restored", note))
        return True

    def leave(self, key: str, value: object, note: str) -> None:
        """A value that does not reach the request."""
        if value not in (None, "", [], {}):
            self.rows.append(Row(clean(key), shown(value), "not restored", note))

    def say(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def fact(self, key: str, value: object) -> None:
        if value not in (None, ""):
            self.facts[clean(key)] = shown(value)

    def size(self, key: str, width: object, height: object, note: str = "", *, names: tuple[str, str] = ("width", "height")) -> None:
        """Both sides in pixels, as one row of the table."""
        before = len(self.rows)
        self.take(key, names[0], width, note)
        self.take(key, names[1], height, note)
        rows = self.rows[before:]
        if rows:
            worst = max((row.state for row in rows), key=("restored", "approximated", "not restored").index)
            reasons = dict.fromkeys(row.note for row in rows if row.note)
            self.rows[before:] = [Row(clean(key), f"{shown(width)}x{shown(height)}", worst, " ".join(reasons))]

    def prompt(self, key: str, text: object, *, negative: bool = False, note: str = "", group: str = "") -> None:
        """A prompt. Files hold prompts whose comments are gone, so a # that is still there was meant as a character.

        group: "hires." for one of the second pass."""
        if not isinstance(text, str):
            return self.leave(key, text, "This is no text.")
        self.take(key, group + ("negative_prompt" if negative else "prompt"), text, note)
        if "#" in text:
            self.values["text.comments"] = False

    def lora(self, key: str, name: object, unet: object, te: object = None, digest: object = "") -> None:
        """One that a tool keeps beside the prompt: it is named in ours, by its file's name alone. unet, te: strengths; te follows unet. digest: of its file."""
        plain = re.sub(r"[<>:]", " ", stem(name)).strip()[:NAME] if isinstance(name, str) else ""
        try:
            weights = [float(str(value)) for value in (unet if te is None else te, unet)]
        except ValueError:
            weights = [math.nan]
        if not plain or len(self.loras) == LORAS or not all(abs(weight) <= 100 for weight in weights):
            return self.leave(key, name, keys.LORA)
        said = ":".join(f"{weight:g}" for weight in dict.fromkeys(weights))
        self.loras.append(f"<lora:{plain}:{said}>")
        self.rows.append(Row(clean(key), shown(f"{plain}: {said}"), "approximated", keys.NAMED))
        if isinstance(digest, str) and re.fullmatch(r"[0-9a-fA-F]{8,64}", digest):
            self.values["loras"] = {**self.values.get("loras", {}), plain: digest.lower()}

    def _with_loras(self) -> None:
        for name in ("prompt", "hires.prompt") if self.loras else ():
            prompt = self.values.get(name, "")
            if name == "prompt" or prompt:
                marks = [mark for mark in self.loras if mark.rpartition(":")[0] not in prompt]
                self.values[name] = " ".join([prompt, *marks] if prompt else marks)
        self.loras = []

    def model(self, key: str, name: object, note: str = "") -> None:
        """Only a model's name is taken, never the place where it lay."""
        if not isinstance(name, str) or not name.strip():
            return
        if stem(name):
            self.take(key, "model", stem(name), note)
        else:
            self.leave(key, name, "This is no model name.")

    def model_hash(self, key: str, value: object) -> None:
        text = str(value or "").strip().lower()
        if re.fullmatch(r"[0-9a-f]{10,64}", text):
            self.take(key, "model_hash", text)
        elif re.fullmatch(r"[0-9a-f]{8}", text):
            self.leave(key, text, "An old hash of eight digits, made from a small part of the file: it says too little to find the model by.")
        else:
            self.leave(key, value, "This is no sha256 hash.")

    def noise(self, source: str, note: str) -> None:
        """Where the noise most likely came from, when the picture does not say."""
        if "noise_source" not in self.values:
            self.values["noise_source"] = source
            self.rows.append(Row("RNG", source, "approximated", note))
            if source == "NV":
                self.say(note)

    def reading(self, size: tuple[int, int] = (0, 0)) -> Reading:
        """size: of the picture itself, in pixels, used when its text gives none."""
        self._with_loras()
        if self.values and min(size) >= 64 and not {"width", "height"} & set(self.values):
            self.size("Size", *size, keys.OWN_SIZE)
        return Reading(self._request(), self.source, self.rows, self.notes, self.facts, upscaler=self.upscaler)

    def _request(self) -> GenerationRequest:
        """Every value was checked alone; one that still fails is left out and said so."""
        values = dict(self.values)
        while True:
            tree = to_dict(GenerationRequest())
            for name, value in values.items():
                *groups, last = name.split(".")
                place = tree
                for group in groups:
                    place = place[group]
                place[last] = value
            try:
                return from_dict(GenerationRequest, tree)
            except InvalidRequest as problem:
                blamed = next((name for name in values if problem.field.startswith(name)), next(iter(values), ""))
                if not blamed:
                    return GenerationRequest()
                self.leave(blamed, values.pop(blamed), str(problem))
