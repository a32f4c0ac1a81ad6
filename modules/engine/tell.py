"""A drawn image with its texts, as a picture: A1111's infotext and Easel's own document. Also what the user is told of a request before it is drawn. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PIL import Image

from modules import __version__
from modules.catalog.card import Card
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.core.result import Picture, digest
from modules.infotext import files
from modules.infotext.write import infotext
from modules.prompt.grammar import networks, strip_comments
from modules.prompt.lora_tags import KINDS


def pictured(
    image: Image.Image,
    request: GenerationRequest,
    index: int,
    card: Card,
    complete: bool,
    keys: Mapping[str, object],
    facts: dict[str, str],
    asked: GenerationRequest | None = None,
) -> Picture:
    """request: as it was drawn. keys: further ones for its infotext. asked: the request by which a resumed run finds it, where that is another."""
    text = told(request, card, keys)
    document = {"easel": __version__, "request": to_dict(request), "facts": facts}
    key = digest(asked or request, facts)
    return Picture(files.encode(image, text, document), image.width, image.height, request, text, index, complete=complete, digest=key)


def told(request: GenerationRequest, card: Card, keys: Mapping[str, object]) -> str:
    """A1111's infotext. It names the weight wherever an inpainting model draws, and nowhere else."""
    weight = float(request.init.mask_weight) if card.variant == "inpainting" else None
    return infotext(spelled(request), version=f"Easel {__version__}", checkpoint=card.name, extra={"Conditional mask weight": weight, **keys})


def left_out(request: GenerationRequest) -> list[str]:
    """What the prompts ask for that acts nowhere, one sentence each."""
    other = [net for text in (request.prompt, request.negative_prompt) for net in networks(text)[1] if net.kind.lower() not in KINDS]
    negative = [net for net in networks(request.negative_prompt)[1] if net.kind.lower() in KINDS]
    return [f"<{net.kind}:{net.name[:80]}> was left out: Easel does not support it." for net in other] + [
        f"<{net.kind}:{net.name[:80]}> was left out: a LoRA acts only from the prompt, not from the negative one." for net in negative
    ]


def spelled(request: GenerationRequest) -> GenerationRequest:
    """The request as A1111's text tells it: its prompts without comments."""
    if not request.text.comments:
        return request
    hires = replace(request.hires, prompt=strip_comments(request.hires.prompt), negative_prompt=strip_comments(request.hires.negative_prompt))
    return replace(request, prompt=strip_comments(request.prompt), negative_prompt=strip_comments(request.negative_prompt), hires=hires)
