"""A1111's parameter text taken apart: prompt, negative prompt, and `key: value` pairs; with its defaults and its back-compatibility by version.

Knows nothing of requests. Rules: those of AUTOMATIC1111 1.10.1, as observed. The pair pattern is anchored at the start of a run of key characters and
never gives back what it took, so that any text is read in linear time.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

NEGATIVE = "Negative prompt:"
EXACT_PROMPT, EXACT_NEGATIVE = "Exact prompt", "Exact negative prompt"
"""Easel's own keys: they hold a prompt that A1111's line-based form cannot hold (a line "Negative prompt:" inside it, spaces at the end of a line)."""

_PAIR = re.compile(r'(?<![\w \-/])[ \-/]*+(\w[\w \-/]++):\s*+("(?:\\.|[^\\"])++"(?=,|\Z)|[^,]*+)(?:,|\Z)')
_SIZE = re.compile(r"(\d+)x(\d+)\Z")
_VERSION = re.compile(r"\s*v?(\d{1,6}(?:\.\d{1,6}){0,4})(?:-(\d{1,6})|[-.]?(a|b|rc|alpha|beta|pre)[-.]?\d{0,6})?\s*\Z", re.IGNORECASE)
_WEIGHTED = re.compile(r"[(\[][^()\[\]]")

DEFAULTS: dict[str, Any] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}
"""What an absent key means."""


def quote(value: object) -> str:
    """As A1111 writes a value: JSON when it holds a comma, a colon or a newline.

    Also when the plain form would not come back: with a quote at its start, or spaces at an end."""
    text = str(value)
    if any(mark in text for mark in ",:\n") or text[:1] == '"' or text != text.strip():
        return json.dumps(text, ensure_ascii=False)
    return text


def unquote(text: str) -> str:
    """The reverse; a text that is no JSON string comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text


def pairs(line: str) -> list[tuple[str, str]]:
    """Every `key: value` of a line, values as written. A key has two characters or more; a quoted value may hold commas."""
    return _PAIR.findall(line)


def split(text: str) -> tuple[str, str, list[tuple[str, str]]]:
    """(prompt, negative prompt, pairs). The last line counts as parameters only with three pairs or more."""
    lines = text.strip().split("\n")
    found = pairs(lines[-1])
    if len(found) < 3:
        found = []
    else:
        lines.pop()
    parts: tuple[list[str], list[str]] = ([], [])
    where = 0
    for line in lines:
        line = line.strip()
        if line.startswith(NEGATIVE):
            where, line = 1, line[len(NEGATIVE) :].strip()
        if line or parts[where]:
            parts[where].append(line)
    return "\n".join(parts[0]), "\n".join(parts[1]), found


def values(found: list[tuple[str, str]]) -> dict[str, str]:
    """Pairs as a mapping: unquoted, the last of equal keys wins, `64x32` becomes key-1 and key-2, empty values are dropped."""
    result: dict[str, str] = {}
    for key, value in found:
        if not value:
            continue
        value = unquote(value)
        if key not in (EXACT_PROMPT, EXACT_NEGATIVE) and (size := _SIZE.match(value)):
            result[f"{key}-1"], result[f"{key}-2"] = size.groups()
        else:
            result[key] = value
    return result


def parse(text: str) -> dict[str, Any]:
    """A1111's reading of a text: what it says, then the defaults for what it does not say. Never raises."""
    prompt, negative, found = split(text)
    result: dict[str, Any] = values(found)
    result["Prompt"] = result.get(EXACT_PROMPT, prompt)
    result["Negative prompt"] = result.get(EXACT_NEGATIVE, negative)
    if "Hypernet" in result:
        result["Prompt"] += f"<hypernet:{result['Hypernet']}:{result.get('Hypernet strength', '1.0')}>"
    _first_pass(result)
    defaults = DEFAULTS if "Hires resize-1" not in result else {key: value for key, value in DEFAULTS.items() if not key.startswith("Hires resize")}
    for key, value in defaults.items():
        result.setdefault(key, value)
    if weighted(result["Prompt"]) or weighted(result["Negative prompt"]):
        result.setdefault("Emphasis", "Original")
    _by_version(result)
    return result


def weighted(text: str) -> bool:
    """Whether an unescaped bracket stands before some text, so that emphasis acts."""
    return bool(_WEIGHTED.search(re.sub(r"\\.", "", text)))


def version(text: str) -> tuple[tuple[int, ...], int] | None:
    """`v1.7.0-225-gabc` -> ((1, 7, 0), 225); a release candidate counts -1; None for what is no version of A1111's form."""
    parts = text.split("-")
    match = _VERSION.match("-".join(parts[:2]))
    if not match:
        return None
    numbers = tuple(int(part) for part in match[1].split("."))
    while numbers and numbers[-1] == 0:
        numbers = numbers[:-1]
    return numbers, int(match[2]) if match[2] else (-1 if match[3] else 0)


def older(text: object, than: str) -> bool:
    """Whether a text's Version is known and earlier than another."""
    ours, limit = version(str(text or "")), version(than)
    return ours is not None and limit is not None and ours < limit


def _first_pass(result: dict[str, Any]) -> None:
    """Before 1.2 `Size` was the final size and `First pass size` the first one (0x0: chosen near 512x512)."""
    try:
        first = [int(result["First pass size-1"]), int(result["First pass size-2"])]
        size = [int(result.get("Size-1", 512)), int(result.get("Size-2", 512))]
    except (KeyError, ValueError):
        return
    if min(size) <= 0:
        return
    if min(first) <= 0:
        scale = math.sqrt(512 * 512 / (size[0] * size[1]))
        first = [math.ceil(scale * side / 64) * 64 for side in size]
    result["Size-1"], result["Size-2"] = first
    result["Hires resize-1"], result["Hires resize-2"] = size


def _by_version(result: dict[str, Any]) -> None:
    """What an older A1111 did without saying so."""
    made_by = result.get("Version")
    if older(made_by, "1.6.0") and "[" in result["Prompt"]:
        result["Old prompt editing timelines"] = True
    if older(made_by, "1.6.0") and result.get("Sampler") in ("DDIM", "PLMS"):
        result["Pad conds v0"] = True
    if older(made_by, "1.7.0-225"):
        result["Downcast alphas_cumprod"] = True
    if older(made_by, "1.8.0") and result.get("Refiner"):
        result["Refiner switch by sampling steps"] = True
