"""Will it fit: what a request needs of memory against what is free, and what `auto` will do about it. Told before anything is loaded, from headers and
formulas; no torch.

The work's formulas are counted, not guessed: the bytes of tensors that live at once grow with the picture and a network's width by a constant of the
architecture (`benchmarks/memory.py` measures it anew).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from modules.catalog.card import Card
from modules.catalog.measures import Measures, measured
from modules.core.errors import EaselError
from modules.core.options import DeviceOptions, Placement
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest
from modules.engine.sizes import Widths, bytes_of, concrete, sizes
from modules.imaging.sizes import enlarged
from modules.memory.budget import TILE, chosen, decoding, held, peak

Verdict = Literal["fits", "adapts", "tight", "too much", "unknown"]
LATENT = 8
"""Pixels to a latent."""
WORK = {"sd1": 27.0, "sd2": 27.0, "sdxl": 16.5, "sdxl-refiner": 16.5, "sd3": 13.5, "flux": 17.5}
"""Numbers that live at once in what denoises, for each of its width and of its places: latents of a UNet, tokens of a transformer."""
TOKENS = {"sd3": (2, 140), "flux": (2, 512)}
"""Of a transformer: latents to a token's side, and as how many tokens its text weighs."""
SINGLE = ("flux",)
"""Families without a negative prompt: one call in place of two."""
USUAL: Mapping[str, Mapping[str, int]] = {
    "flux": {"text_encoder": 123_000_000, "text_encoder_2": 4_762_000_000, "vae": 84_000_000},
    "sd3": {"text_encoder": 123_000_000, "text_encoder_2": 695_000_000, "text_encoder_3": 4_762_000_000, "vae": 84_000_000},
}
"""Numbers in what a file of the transformer alone draws with beside itself."""
LEVELS = (128, 256, 512, 512)
ROOMY = 0.8
"""Of the free memory; what needs less is not worth a word."""
GB = 2**30


@dataclass(frozen=True)
class Room:
    """free: bytes that weights and work may take together, those of models that would be let go of included. gpu: whether it is a GPU's."""

    free: int
    gpu: bool = False


@dataclass(frozen=True)
class Fit:
    """needed: bytes in `placement`, of them `weights` of the model. free: bytes. placement: what will be done. tiled: the VAE works in tiles.
    verdict: "fits" with room to spare, "tight", "adapts" where Easel does something about it, "too much" where nothing helps. sentences: the same in words;
    none where there is nothing to say."""

    verdict: Verdict
    needed: int = 0
    weights: int = 0
    free: int = 0
    placement: Placement = "resident"
    tiled: bool = False
    sentences: tuple[str, ...] = ()


def fit(request: GenerationRequest, card: Card, measures: Measures, options: DeviceOptions, room: Room) -> Fit:
    """request: as it is asked for; its size and precision count."""
    if card.family not in WORK or not measures.parts or not measures.width:
        return Fit("unknown", free=room.free)
    size = itemsize(request, card, options, room)
    full = 4 if options.no_half_vae or not room.gpu or request.vae_full else size
    texts = next((bytes_of(one) for one in (request.text_precision, options.texts) if one != "auto"), size)
    whole_model = replace(measures, parts={**USUAL.get(card.family, {}), **measures.parts})
    networks = sizes(whole_model, Widths(size, texts, full, concrete(request.storage, card.family)))
    width, height = _largest(request)
    denoise = drawing(request, card.family, measures.width, width, height, size)
    levels = measures.levels or LEVELS
    whole, pieces = (decoding(levels, height, width, full, tiled) for tiled in (False, True))
    placement = chosen(options.placement, networks, room.free, max(denoise, pieces if max(width, height) > TILE else whole))
    weights = held(placement, networks)
    tiled = max(width, height) > TILE and (request.vae_tiled or weights + whole > room.free)
    needed = peak(placement, networks, max(denoise, pieces if tiled else whole))
    verdict: Verdict = "too much" if needed > room.free else "fits"
    if verdict == "fits" and ((options.placement == "auto" and placement != "resident") or (tiled and not request.vae_tiled)):
        verdict = "adapts"
    elif verdict == "fits" and needed > ROOMY * room.free:
        verdict = "tight"
    return Fit(
        verdict, needed, weights, room.free, placement, tiled, _said(verdict, needed, room, placement if options.placement == "auto" else "resident", tiled)
    )


def itemsize(request: GenerationRequest, card: Card, options: DeviceOptions, room: Room) -> int:
    """Bytes of a number, as the request's precision becomes concrete here."""
    wanted = request.precision
    if wanted == "auto":
        wanted = FAMILIES.get(card.family).half if room.gpu and not options.no_half else "fp32"
    return bytes_of(wanted)


def drawing(request: GenerationRequest, family: str, channels: int, width: int, height: int, size: int) -> int:
    """Bytes that a call of what denoises takes beside its weights. width, height: in pixels."""
    rows = 1 if family in SINGLE or request.cfg_scale == 1 else 2
    rows *= request.batch_size if request.batched else 1
    places = (width // LATENT) * (height // LATENT)
    if family in TOKENS:
        patch, words = TOKENS[family]
        places = places // patch**2 + words
    return int(rows * places * channels * WORK[family] * size)


def _largest(request: GenerationRequest) -> tuple[int, int]:
    hires = request.hires
    if not hires.enabled:
        return request.width, request.height
    larger = enlarged(request.width, request.height, hires.scale, hires.width, hires.height)
    return max(request.width, larger.width), max(request.height, larger.height)


WAYS: Mapping[Placement, str] = {
    "encoders": "To make it fit, text encoders will leave memory after each prompt.",
    "medvram": "To make it fit, the model will come into memory part by part; that takes a little longer.",
    "group": "To make it fit, the model will come into memory layer by layer; that takes longer.",
}


def _said(verdict: Verdict, needed: int, room: Room, placement: Placement, tiled: bool) -> tuple[str, ...]:
    if verdict not in ("tight", "adapts", "too much"):
        return ()
    amount, free = f"{needed / GB:.1f}", f"{room.free / GB:.1f}"
    numbers = f"Needs about {amount} GB of the GPU's memory; {free} GB are free." if room.gpu else f"Needs about {amount} GB of memory; {free} GB are free."
    if verdict == "tight":
        return (numbers, "It should just fit.")
    if verdict == "too much":
        return (numbers, "It will probably not fit: make the picture smaller, or choose a smaller checkpoint.")
    ways = [WAYS[placement]] if placement in WAYS else []
    return (numbers, *ways, *(["The VAE will work in tiles."] if tiled else []))


class Fitting:
    """Answers for one running Easel. options: how it was started. room: what is free now. Any thread may ask."""

    def __init__(self, options: DeviceOptions, room: Callable[[], Room]) -> None:
        self._options, self._room = options, room
        self._known: dict[tuple[Path, int], Measures] = {}

    def of(self, request: GenerationRequest, card: Card) -> Fit:
        """Never raises: of a file that cannot be read nothing is said here."""
        key = card.weights, card.size
        if key not in self._known:
            try:
                self._known[key] = measured(card)
            except (EaselError, OSError):
                self._known[key] = Measures()
        return fit(request, card, self._known[key], self._options, self._room())
