"""Which LoRAs a prompt asks for: `<lora:name>`, `<lora:name:0.8>`, `<lora:name:te:unet>`, `<lora:name:te=0.5:unet=0.8:dyn=4>`; `<lyco:...>` means the same.

A1111's forms and order: a single number is for both; without one both are 1; unet follows te where only that is given. Knows no file.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from modules.core.errors import InvalidRequest
from modules.prompt.grammar import Network, networks

KINDS = ("lora", "lyco")
LARGEST = 100.0
"""Either way from 0; pictures fall apart long before."""


class LoraTag(NamedTuple):
    """te, unet: by how much it acts on the text encoders and on the denoising network. dyn: so many of its ranks (DyLoRA), 0 for all."""

    name: str
    te: float = 1.0
    unet: float = 1.0
    dyn: int = 0


def lora_tags(text: str) -> list[LoraTag]:
    """In order; one that is named twice is there twice. text: a prompt without comments. Raises InvalidRequest for a weight that is no number."""
    return [_read(mark) for mark in networks(text)[1] if mark.kind.lower() in KINDS and mark.name.strip()]


def _read(mark: Network) -> LoraTag:
    named = {key.strip().lower(): value for key, value in mark.named.items()}

    def said(key: str, place: int) -> str:
        return (named.get(key) or (mark.args[place] if len(mark.args) > place else "")).strip()

    te = _number(mark, said("te", 0) or "1")
    unet = _number(mark, said("unet", 1)) if said("unet", 1) else te
    dyn = _number(mark, said("dyn", 2) or "0")
    if dyn != int(dyn) or dyn < 0:
        raise _no_number(mark, f"{dyn:g}", "a whole number from 0 up")
    return LoraTag(mark.name.strip(), te, unet, int(dyn))


def _number(mark: Network, said: str) -> float:
    try:
        number = float(said)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise _no_number(mark, said, f"a number from -{LARGEST:g} to {LARGEST:g}")
    return number


def _no_number(mark: Network, said: str, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"<{mark.kind}:{mark.name[:80]}> has the weight {said[:40]!r}, which is not {wanted}.", f"Write <{mark.kind}:name:0.8>.", "prompt")
