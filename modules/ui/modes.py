"""The modes of the form for work on pictures: which tab shows them, what is drawn in them, and which parameters act in them.

One table for the page's mode rows (`assets/modes.js`), for what is shown, and for what of the form reaches a request. Knows no widget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modules.core.params import walk, with_values
from modules.core.request import GenerationRequest

Draws = Literal["", "mask", "colour"]


@dataclass(frozen=True)
class Mode:
    """id: in element ids and in the browser. tab: the top-level tab that shows it, "img2img" or "inpaint". draws: what strokes on its canvas are."""

    id: str
    label: str
    tab: str
    draws: Draws = ""


MODES: tuple[Mode, ...] = (
    Mode("img2img", "img2img", "img2img"),
    Mode("sketch", "Sketch", "img2img", "colour"),
    Mode("batch", "Batch", "img2img"),
    Mode("inpaint", "Inpaint", "inpaint", "mask"),
    Mode("inpaint_sketch", "Inpaint sketch", "inpaint", "colour"),
    Mode("inpaint_upload", "Inpaint upload", "inpaint"),
    Mode("outpaint", "Outpaint", "inpaint"),
)
BY_ID = {mode.id: mode for mode in MODES}

COPIED = ("img2img", "sketch", "inpaint", "inpaint_sketch", "outpaint")
"""Where "Copy image to" leads."""

MASKED = ("inpaint", "inpaint_sketch", "inpaint_upload")
"""Modes that do nothing without a mask."""


DRAWN_OVER = tuple(mode.id for mode in MODES if mode.id != "outpaint")
"""Modes that draw the start picture anew. What grows is drawn beside it, with a strength of its own."""


@dataclass(frozen=True)
class Group:
    """modes: in which these parameters act. prefixes: of the parameters' names; elsewhere they keep their defaults in the request."""

    modes: tuple[str, ...]
    prefixes: tuple[str, ...] = ()


GROUPS: dict[str, Group] = {
    "mask": Group((*MASKED, "batch"), ("mask.",)),
    "batch": Group(("batch",)),
    "resize": Group(DRAWN_OVER),
    "strength": Group(DRAWN_OVER, ("init.strength", "init.mask_weight", "init.image_cfg", "init.upscaler", "init.color_correction")),
    "outpaint": Group(("outpaint",), ("outpaint.",)),
}
"""Widgets of a group carry the class `easel-group-<name>` and are shown only in its modes."""


def acting(request: GenerationRequest, mode: Mode) -> GenerationRequest:
    """The request with only what acts in the mode; the rest as it is declared."""
    idle = tuple(prefix for group in GROUPS.values() if mode.id not in group.modes for prefix in group.prefixes)
    names = {field.name: field.default for field in walk(GenerationRequest) if idle and field.name.startswith(idle)}
    return with_values(request, names)


def styles() -> str:
    """CSS that shows the widgets of a group only in its modes."""
    rules = [
        f'#img2img_panel[data-mode="{mode.id}"] .easel-group-{name}.easel-group-{name} {{ display: none !important; }}'
        for mode in MODES
        for name, group in GROUPS.items()
        if mode.id not in group.modes
    ]
    return "\n".join(rules)
