"""What a model file is, from names and shapes alone: kind, architecture, variant. No torch; knows no network and opens no file.

A file is recognised by what only its architecture has, never by the number of its tensors: schedule buffers, `position_ids` and averaged weights come
and go. What is not certain is "unknown", with what was seen.
"""

from __future__ import annotations

from typing import NamedTuple

from modules.catalog.additions import ADDITIONS
from modules.catalog.card import Kind
from modules.catalog.header import Header
from modules.catalog.marks import first
from modules.catalog.sight import Sight
from modules.catalog.transformers import TRANSFORMERS
from modules.catalog.unets import unet

BUNDLE = "model.diffusion_model."
"""Where a checkpoint in one file keeps what denoises."""

TEXTS = ("^cond_stage_model.", "^conditioner.embedders.", "^text_encoders.")
AUTOENCODERS = ("^first_stage_model.", "^vae.")


class Seen(NamedTuple):
    """missing: of a checkpoint, which of text encoder and VAE are not in the file. seen: for what is unknown, what was seen, in words."""

    kind: Kind = "unknown"
    architecture: str = ""
    variant: str = ""
    missing: tuple[str, ...] = ()
    seen: str = ""


def recognise(found: Header) -> Seen:
    whole = Sight(found.tensors)
    if whole.has(f"^{BUNDLE}"):
        return _bundle(whole)
    if row := first(ADDITIONS, whole):
        return Seen(row.kind or "unknown", row.word, row.variant)
    if row := first(TRANSFORMERS, whole):
        return Seen("transformer", row.word, row.variant)
    if alone := unet(whole):
        return Seen("unet" if alone.word else "unknown", alone.word, alone.variant, seen=alone.seen)
    return Seen()


def _bundle(whole: Sight) -> Seen:
    inner = whole.under(BUNDLE)
    parts = {"text encoder": whole.any(*TEXTS), "VAE": whole.any(*AUTOENCODERS)}
    missing = tuple(part for part, there in parts.items() if not there)
    if row := first(TRANSFORMERS, inner):
        return Seen("transformer" if len(missing) == len(parts) else "checkpoint", row.word, row.variant, missing)
    if found := unet(inner, whole):
        kind: Kind = "unet" if len(missing) == len(parts) else "checkpoint"
        return Seen(kind if found.word else "unknown", found.word, found.variant, missing, found.seen)
    return Seen()
