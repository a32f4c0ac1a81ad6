"""What a picture was made from beyond its prompt, into a draft: a start picture, a mask, a second pass at a larger size.

A file holds neither start picture nor mask, only the values that acted on them: these go into the form, and a note says what is missing. A second pass
is restored whole. Reads the keys of A1111's text and of its dialects here; foreign tools with formats of their own call the same few functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.core.params import named
from modules.core.request import GenerationRequest
from modules.infotext import keys
from modules.infotext.foreign import samplers
from modules.infotext.foreign.values import number
from modules.infotext.names import clean, shown, stem
from modules.infotext.reading import Draft

Words = Mapping[str, tuple[str, str]]
"""Casefolded key -> (key as written, value); sizes as they stand."""

SAME = {"", "none", "default", "same as primary", "use same sampler", "use same scheduler", "use same checkpoint", "use same choices", "built-in"}
"""Values of a second pass that repeat the first one's."""
MASKED = {"mask blur", "mask mode", "mask rounding", "masked content", "inpaint area", "masked area padding", "soft inpainting enabled"}
GROWN = {"outpaint left", "outpaint right", "outpaint up", "outpaint down"}
BLUR = "Not named, as where there is none; or it was not the same in both directions."
BEFORE = "Before 1.2 Size was that of the second pass, and this that of the first."
_METHODS: Mapping[str, str] = {
    "latent": "Latent",
    "latentbilinear": "Latent",
    "latentantialiased": "Latent (antialiased)",
    "latentbilinearantialias": "Latent (antialiased)",
    "latentbicubic": "Latent (bicubic)",
    "latentbicubicantialias": "Latent (bicubic antialiased)",
    "latentnearest": "Latent (nearest)",
    "latentnearestexact": "Latent (nearest-exact)",
    "pixellanczos": "Lanczos",
    "resizelanczos": "Lanczos",
    "pixelnearestexact": "Nearest",
    "resizenearest": "Nearest",
}
"""Other tools' upscalers in plain spelling -> the same of ours."""

_TITLE = re.compile(r"(?P<name>.*\S)\s*\[(?P<hash>[0-9a-fA-F]{10,64})\]")
_SIDES = re.compile(r"(\d{1,9})x(\d{1,9})")


def from_text(draft: Draft, said: Mapping[str, Any]) -> set[str]:
    """-> the keys that were dealt with, casefolded. said: as `grammar.values` gives it."""
    words = _words(said)
    hires = {key for key in words if key.startswith("hires ") or key == "first pass size"}
    if not hires:
        return _started(draft, words)
    if draft.source == "SD.Next" and "hires strength" not in hires:
        for key in sorted(hires):
            draft.leave(*words[key], keys.ENLARGED)
        return hires | _started(draft, words)
    return _second(draft, words)


def upscaler(draft: Draft, key: str, name: object) -> None:
    """A name of any tool. For one that needs a file another stands in, until somebody who knows the files has looked (`Reading.with_upscaler`)."""
    if not isinstance(name, str) or not name.strip():
        return draft.leave(key, name, "Easel expects the name of an upscaler here.")
    known = {one.casefold(): one for one in named(GenerationRequest, "hires.upscaler").param.names()}
    word = re.sub(r"[^a-z0-9]", "", name.casefold())
    if ours := known.get(name.strip().casefold()) or _METHODS.get(word):
        draft.take(key, "hires.upscaler", ours, said=name)
    else:
        near = "Latent" if word.startswith("latent") else "Lanczos"
        draft.upscaler = "" if near == "Latent" else shown(name)
        draft.take(key, "hires.upscaler", near, f"Easel has no upscaler {clean(name)[:60]} here; {near} stands in for it.", said=name)


def begun(draft: Draft, key: str, strength: object, note: str = "", *, masked: bool = False) -> None:
    """A picture that was made from another one. strength: 0 to 1; None when the tool does not say it."""
    draft.take(key, "init.strength", strength, note)
    draft.say(keys.PAINTED if masked else keys.BEGUN)


def _words(said: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    found = {}
    for key, value in said.items():
        if key.endswith("-1") and f"{key[:-2]}-2" in said:
            key, value = key[:-2], f"{value}x{said[f'{key[:-2]}-2']}"
        if not (key.endswith("-2") and f"{key[:-2]}-1" in said):
            found[key.casefold()] = (key, str(value))
    return found


def _started(draft: Draft, words: Words) -> set[str]:
    """Values that act on a start picture and its mask."""
    masked = bool(MASKED & set(words))
    key, strength = words.get("denoising strength", ("", ""))
    if GROWN & set(words):
        draft.take(key, "outpaint.strength", strength or None)
        draft.say(keys.GROWN)
    elif key and number(strength) == 0 and not masked and draft.source != "Easel":
        draft.leave(key, strength, keys.INIT_ONLY)  # older versions wrote a 0 where nothing was begun from
    elif key or masked:
        begun(draft, key, strength or None, masked=masked)
    if masked:
        _mask(draft, words)
    return {"denoising strength", "mask blur", "mask mode", "mask rounding"}


def _mask(draft: Draft, words: Words) -> None:
    key, blur = words.get("mask blur", ("Mask blur", "0" if draft.source in ("Easel", "AUTOMATIC1111", "Forge") else ""))
    if draft.take(key, "mask.blur_x", blur or None, "" if "mask blur" in words else BLUR):
        draft.values["mask.blur_y"] = draft.values["mask.blur_x"]
    key, mode = words.get("mask mode", ("", ""))
    if mode.casefold() in ("inpaint masked", "inpaint not masked"):
        draft.take(key, "mask.invert", mode.casefold() == "inpaint not masked", said=mode)
    else:
        draft.leave(key, mode, "Easel knows Inpaint masked, Inpaint not masked.")
    key, rounded = words.get("mask rounding", ("", ""))
    draft.take(key, "mask.round", rounded or None)


def _second(draft: Draft, words: Words) -> set[str]:
    """Its own values; what repeats the first pass's stays empty."""
    draft.values["hires.enabled"] = True
    key, strength = words.get("hires strength") or words.get("denoising strength", ("", ""))
    draft.take(key, "hires.strength", strength or None)
    for word in ("hires upscale", "hires scale"):
        key, value = words.get(word, ("", ""))
        if value and number(value) is None:
            upscaler(draft, key, value)  # stable-diffusion.cpp's spelling
        else:
            draft.take(key, "hires.scale", value or None)
    _target(draft, words)
    if "hires upscaler" in words:
        upscaler(draft, *words["hires upscaler"])
    (key, name), (schedule_key, schedule) = words.get("hires sampler", ("", "")), words.get("hires schedule type", ("", ""))
    wanted = [None if value.casefold() in SAME else value for value in (name, schedule)]
    samplers.take(draft, key, wanted[0], schedule_key, wanted[1], group="hires.")
    for word, negative in (("hires prompt", False), ("hires negative prompt", True)):
        if word in words:
            draft.prompt(*words[word], negative=negative, group="hires.")
    for key, value in words.values():
        if re.match(r"hires (cfg|checkpoint|module)", key, re.IGNORECASE):
            if _repeats(key, value, words):
                draft.fact(key, value)
            else:
                draft.leave(key, value, keys.reason(key))
    dealt = {"hires strength", "hires upscale", "hires scale", "hires resize", "hires fixed", "hires size", "first pass size", "denoising strength"}
    dealt |= {"hires upscaler", "hires sampler", "hires schedule type", "hires prompt", "hires negative prompt"}
    return dealt | {word for word in words if re.match(r"hires (cfg|checkpoint|module)", word)}


def refiner(draft: Draft, said: Mapping[str, Any]) -> set[str]:
    """A second checkpoint that takes over, by its name and the hash behind it. -> the keys that were dealt with, casefolded."""
    words = _words(said)
    key, named_so = words.get("refiner", ("", ""))
    title = _TITLE.fullmatch(named_so.strip())
    name, digest = (title["name"], title["hash"].lower()) if title else (named_so, "")
    if not key or name.strip().casefold() in SAME:
        return {"refiner"}
    if not stem(name):
        draft.leave(key, named_so, "This is no model name.")
        return {"refiner"}
    draft.take(key, "refiner.checkpoint", stem(name), said=named_so)
    if digest:
        draft.values["refiner.checkpoint_hash"] = digest
    if "refiner switch at" not in words:
        draft.values["refiner.switch_at"] = 0.0  # A1111 leaves the key out where it switches at once
    return {"refiner"}


def _target(draft: Draft, words: Words) -> None:
    """The size of the second pass; 0x0 means that the scale decides. SD.Next writes both; the text before 1.2 has the two sizes the other way round."""
    for word, note in (("hires resize", ""), ("hires fixed", ""), ("hires size", ""), ("first pass size", BEFORE)):
        key, value = words.get(word, ("", ""))
        if not key:
            continue
        sides = _SIDES.fullmatch(value)
        if sides and note:
            sides = _SIDES.fullmatch(words.get("size", ("", ""))[1])
        if not sides:
            draft.leave(key, value, "A size reads like 512x768.")
        elif {"hires.width", "hires.scale"} & set(draft.values) and word == "hires size":
            draft.fact(key, value)
        elif int(sides[1]) or int(sides[2]):
            draft.size(key, sides[1], sides[2], note, names=("hires.width", "hires.height"))


def _repeats(key: str, value: str, words: Words) -> bool:
    """Whether the second pass's guidance, checkpoint or further files are those of the first."""
    if value.casefold() in SAME:
        return True
    if key.casefold() == "hires cfg scale":
        return number(value) is not None and number(value) == number(words.get("cfg scale", ("", ""))[1])
    return key.casefold() == "hires checkpoint" and stem(value).partition(" [")[0] == words.get("model", ("", ""))[1]
