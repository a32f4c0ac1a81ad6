"""Which cards stand together on the Models tab and in the API: groups of kinds, and where files of each are put. Knows no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modules.catalog.card import GROUPS as CARD_GROUPS


@dataclass(frozen=True)
class Group:
    """id: in addresses and on the page. label: on the page. kinds: of cards, in the words of `catalog.card`. folder: A1111's, under models."""

    id: str
    label: str
    kinds: tuple[str, ...]
    folder: str


GROUPS: tuple[Group, ...] = (
    Group("checkpoint", "Checkpoints", CARD_GROUPS["checkpoint"], "Stable-diffusion"),
    Group("lora", "LoRA", CARD_GROUPS["lora"], "Lora"),
    Group("embedding", "Embeddings", ("embedding",), "embeddings"),
    Group("vae", "VAE", ("vae", "vae-approx"), "VAE"),
    Group("control", "Control", ("controlnet", "controlnet-union", "controlnet-lllite", "t2i-adapter", "ip-adapter", "clip-vision", "annotator"), "ControlNet"),
    Group("text-encoder", "Text encoders", ("text-encoder",), "text_encoder"),
    Group("upscaler", "Upscalers", ("upscaler", "face restorer"), "ESRGAN"),
    Group("other", "Other", ("hypernetwork", "motion-module", "unknown"), "Stable-diffusion"),
)
BY_ID: Mapping[str, Group] = {group.id: group for group in GROUPS}
_OF_KIND = {kind: group for group in GROUPS for kind in group.kinds}


def group_of(kind: str) -> Group:
    """What no group names stands under Other."""
    return _OF_KIND.get(kind, BY_ID["other"])
