"""Textual inversions: which of a file's tensors hold the vectors, and whose text encoder they are as wide as.

Forms: A1111's `emb_params` and `string_to_param`, one tensor named by its token (diffusers), one tensor per text encoder (`clip_l`, `clip_g`, `t5xxl`).
"""

from __future__ import annotations

import math

from modules.catalog.sight import Sight

WIDTHS = {768: "sd1", 1024: "sd2", 1280: "sdxl"}
"""Width of the vectors -> the family whose text encoder has it; 1280 is SDXL's second one."""

SEVERAL = (
    (("^clip_g$", "^clip_l$", "^t5xxl$"), "sd3"),
    (("^clip_l$", "^t5xxl$"), "flux"),
    (("^clip_g$", "^clip_l$"), "sdxl"),
    (("^text_encoders_0$", "^text_encoders_1$"), "sdxl"),
)
"""Names that stand side by side -> family."""

OWN = ("^emb_params$", "^string_to_param.*$", "^string_to_param._parameters.*$")
FLOATS = ("F16", "BF16", "F32", "F64")
MOST = 1000
"""Vectors; people use 1 to 75."""


def architecture(seen: Sight) -> str:
    """The family's word; "?" for an inversion of another width; "" for what is none."""
    for names, word in SEVERAL:
        if all(seen.has(name) for name in names) and len(seen.tensors) <= len(names) + 2:
            return word if all(_shape(seen, name) for name in names) else ""
    name = next((name for name in OWN if seen.has(name)), "")
    if name or len(seen.tensors) == 1 and not seen.any(".weight$", ".bias$"):
        shape = _shape(seen, name or f"^{next(iter(seen.tensors))}$")
        if not shape or not name and shape[1] not in WIDTHS:
            return ""
        return "?" if seen.has("clip_l$") else WIDTHS.get(shape[1], "?")  # several families have a CLIP-L among others
    return ""


def _shape(seen: Sight, mark: str) -> tuple[int, int] | None:
    """[vectors, width]; a single vector may lack its first axis."""
    name = mark.strip("^$")
    entry = seen.tensors.get(name)
    if entry is None or entry.dtype not in FLOATS or len(entry.shape) not in (1, 2) or not math.prod(entry.shape):
        return None
    count, width = (1, entry.shape[0]) if len(entry.shape) == 1 else entry.shape
    return (count, width) if count <= MOST else None
