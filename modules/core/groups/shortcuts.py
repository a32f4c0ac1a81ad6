"""Work that is left out while a picture is drawn, for speed. Each changes the picture; how much, docs/shortcuts.md says. At their defaults nothing is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict

from modules.core.params import STRICT, Param


@dataclass(frozen=True, kw_only=True)
class Shortcuts:
    """merging: Bolya & Hoffman 2023 (ToMe for SD). deep_steps: Ma et al. 2023 (DeepCache). first_block: Cheng 2024 (first-block cache of ParaAttention)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    merging: Annotated[
        float,
        Param(
            "Token merging ratio",
            0,
            0.9,
            0.05,
            text="Token merging ratio",
            hint="Share of the picture's tokens that attention takes together with a neighbour that looks alike: faster in large pictures, small details change. 0: off.",
        ),
    ] = 0.0
    merging_hires: Annotated[
        float,
        Param("Token merging ratio for hires", 0, 0.9, 0.05, text="Token merging ratio hr", hint="The same in the second pass. 0: as in the first."),
    ] = 0.0
    deep_steps: Annotated[
        int,
        Param(
            "Steps that share deep features",
            1,
            10,
            1,
            text="DeepCache interval",
            hint="DeepCache: the inner layers compute once in so many steps, the outer ones always. On the starter 2 takes half the time (42 dB), 3 takes 0.4 of it (35 dB). 1: off.",
        ),
    ] = 1
    first_block: Annotated[
        float,
        Param(
            "First-block cache",
            0,
            1,
            0.01,
            usual=0.3,
            text="First block cache",
            hint="Of transformers: where the first block's answer moved by less than this share since a whole step, the other blocks' answer is used again. 0: off.",
        ),
    ] = 0.0
