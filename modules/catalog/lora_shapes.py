"""How the formats of small weight differences name their parts, and how wide the layer is that one is for. Knows no architecture.

Sources: kohya's lora.py, LyCORIS 4, peft 0.21 and diffusers' older names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from modules.catalog.card import Kind
from modules.catalog.header import Entry
from modules.catalog.sight import Sight

FORMATS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("loha", (".hada_w1_a$", ".hada_w1_b$", ".hada_w2_a$")),
    ("lokr", (".lokr_w1$", ".lokr_w2$", ".lokr_w1_a$", ".lokr_w2_a$")),
    ("oft", (".oft_blocks$", ".oft_diag$", ".oft_R.", ".oft_r.", ".boft_R", ".boft_s", ".boft_blocks$")),
    ("glora", (".b2.weight$",)),
    ("ia3", (".on_input$", ".ia3_l")),
    ("dora", (".dora_scale$", ".lora_magnitude_vector")),
    (
        "lora",
        (
            ".lora_down.weight$",
            ".lora_up.weight$",
            ".lora_A.",
            ".lora_B.",
            ".lora.down.",
            ".lora.up.",
            "_lora.down.",
            "_lora.up.",
            "_lora1.down.",
            "_lora2.down.",
        ),
    ),
    ("lora", (".lora_linear_layer.",)),
    ("full", (".diff$", ".diff_b$")),
)
"""Kind -> names of its parts; the first whose part is there, so that a LoRA with a few full differences is a LoRA."""


def _last(shape: tuple[int, ...]) -> int:
    return shape[1] if len(shape) > 1 else 0


def _product(one: str, other: str) -> Callable[[str, Mapping[str, Entry]], int]:
    def width(layer: str, tensors: Mapping[str, Entry]) -> int:
        sides = [next((_last(tensors[f"{layer}{end}"].shape) for end in (part, f"{part}_b") if f"{layer}{end}" in tensors), 0) for part in (one, other)]
        return math.prod(sides)

    return width


def _of(part: str) -> Callable[[str, Mapping[str, Entry]], int]:
    return lambda layer, tensors: _last(tensors[f"{layer}{part}"].shape) if f"{layer}{part}" in tensors else 0


INPUTS: Mapping[str, Callable[[str, Mapping[str, Entry]], int]] = {
    **{
        part: _of(part)
        for part in (".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight", ".lora.down.weight", "_lora.down.weight", "_lora1.down.weight")
    },
    **{part: _of(part) for part in (".hada_w1_b", ".a2.weight", ".diff", ".lora_linear_layer.down.weight")},
    **dict.fromkeys((".lokr_w1", ".lokr_w1_b"), _product(".lokr_w1", ".lokr_w2")),
}
"""The part of a difference by which the inputs of its layer are told -> how."""

OUTPUTS = (
    ".lora_up.weight",
    ".lora_B.weight",
    ".lora_B.default.weight",
    ".lora.up.weight",
    "_lora.up.weight",
    ".hada_w1_a",
    ".b1.weight",
    ".diff",
    "_lora1.up.weight",
)
"""Parts whose first side is the outputs of their layer."""


def inputs(seen: Sight, *pieces: str) -> int:
    """The inputs of the first layer with all these pieces in its name, 0 where there is none of which they can be told."""
    for name in _with(seen, pieces):
        for part, width in INPUTS.items():
            if name.endswith(part) and (found := width(name.removesuffix(part), seen.tensors)):
                return found
    return 0


def outputs(seen: Sight, *pieces: str) -> int:
    """Its outputs, likewise."""
    for name in _with(seen, pieces):
        shape = seen.tensors[name].shape
        if name.endswith(OUTPUTS) and shape:
            return shape[0]
        if name.endswith(".oft_blocks") and len(shape) == 3:
            return shape[0] * shape[1]
    return 0


def _with(seen: Sight, pieces: tuple[str, ...]) -> Iterator[str]:
    first, rest = pieces[0], pieces[1:]
    for name in seen.tensors:
        if first in name and all(piece in name for piece in rest):
            yield name


def of_format(seen: Sight) -> Kind | None:
    """Which format of differences this is; None when it is no such file."""
    return next((kind for kind, parts in FORMATS if seen.sample.any(*parts)), None)
