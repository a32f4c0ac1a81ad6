"""Draw Things' metadata -> request: JSON inside the XMP packet. Its prompts weigh words as A1111 does, with round and square brackets."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign import samplers
from modules.infotext.foreign.values import loads, mapping, number, text
from modules.infotext.reading import Draft, Reading

SEED_MODES: Mapping[str, tuple[str, str]] = {
    "torch cpu compatible": ("CPU", ""),
    "nvidia gpu compatible": ("NV", ""),
    "scale alike": ("CPU", "Draw Things drew its noise in a way of its own that keeps the composition at other sizes."),
    "legacy": ("CPU", "Draw Things drew its noise in a way of its own."),
}
"""Noise source, and why it is not the same."""
MODE_NAMES = ("legacy", "torch cpu compatible", "scale alike", "nvidia gpu compatible")
HANDLED = {"c", "uc", "model", "sampler", "seed", "scale", "steps", "size", "seed_mode", "v2", "profile", "clip_skip", "width", "height", "strength"}
REASONS = {
    "lora": keys.LORA,
    "control": keys.CONTROL,
    "refiner_model": "A second model that takes over (refiner) is not restored.",
    "upscaler": "Later enlargement is not restored.",
    "mask_blur": keys.MASK_ONLY,
}


def from_xmp(packet: str) -> Mapping[str, Any]:
    """The JSON of exif:UserComment; searched for as text, so that no XML entity is ever expanded."""
    start = packet.find("exif:UserComment")
    if start < 0:
        return {}
    entry = packet.find("<rdf:li", start)
    begin, end = packet.find(">", entry) + 1, packet.find("</rdf:li>", entry)
    if entry < 0 or begin <= 0 or end < begin:
        match = re.compile(r'exif:UserComment="([^"]*)"').search(packet, start)
        return mapping(html.unescape(match[1])) if match else {}
    return mapping(loads(html.unescape(packet[begin:end].strip())))


def is_draw_things(data: Mapping[str, Any]) -> bool:
    return isinstance(data.get("c"), str) and bool({"uc", "sampler", "scale", "v2"} & set(data))


def read(value: object, size: tuple[int, int] = (0, 0)) -> Reading:
    data = mapping(value)
    newer = mapping(data.get("v2"))
    draft = Draft("Draw Things")
    draft.prompt("c", data.get("c"))
    if text(data.get("uc")):
        draft.prompt("uc", data["uc"], negative=True)
    samplers.take(draft, "sampler", data.get("sampler"), unsaid="Uniform")
    draft.take("steps", "steps", data.get("steps"))
    draft.take("scale", "cfg_scale", data.get("scale", newer.get("guidanceScale")))
    draft.take("guidanceEmbed", "guidance.distilled", newer.get("guidanceEmbed"))
    draft.take("seed", "seed", data.get("seed"))
    sides = re.fullmatch(r"\s*(\d{1,6})\s*x\s*(\d{1,6})\s*", text(data.get("size"))[:40])
    strength = number(data.get("strength", newer.get("strength")))
    begun = strength is not None and strength < 1
    if newer.get("hiresFix") and not begun:
        _second(draft, newer, sides)
    elif sides:
        draft.size("size", sides[1], sides[2])
    if begun:
        passes.begun(draft, "strength", strength)
        draft.leave("hiresFix", newer.get("hiresFix") or None, keys.ALONE)
    draft.model("model", data.get("model"))
    skip = number(data.get("clip_skip", newer.get("clipSkip")))
    if skip and skip > 1:
        draft.take("clip skip", "text.clip_skip", skip)
    mode = newer.get("seedMode")
    named = text(data.get("seed_mode")) or (MODE_NAMES[mode] if isinstance(mode, int) and 0 <= mode < len(MODE_NAMES) else "")
    source, why = SEED_MODES.get(named.casefold(), ("CPU", "Draw Things did not say how it drew its noise."))
    draft.take("seed_mode", "noise_source", source, why, said=named or "")
    for key, given in data.items():
        if key not in HANDLED:
            draft.leave(str(key), given, REASONS.get(str(key), keys.UNKNOWN))
    return draft.reading(size)


def _second(draft: Draft, newer: Mapping[str, Any], final: re.Match[str] | None) -> None:
    """The picture is first drawn at the hires fix's own size and then enlarged to `size`; of the steps, the share is run again that the strength says."""
    width, height, strength = (number(newer.get(f"hiresFix{name}")) for name in ("Width", "Height", "Strength"))
    if final is None or not width or not height or strength is None or not 0 < strength <= 1:
        draft.leave("hiresFix", True, keys.LATER)
        if final:
            draft.size("size", final[1], final[2])
        return
    draft.values["hires.enabled"] = True
    draft.size("hiresFixWidth x hiresFixHeight", width, height)
    draft.size("size", final[1], final[2], names=("hires.width", "hires.height"))
    draft.take("hiresFixStrength", "hires.strength", strength, keys.NEAR)
    draft.values |= {"hires.upscaler": "Lanczos", "hires.steps": max(1, round(draft.values.get("steps", 20) * strength))}
