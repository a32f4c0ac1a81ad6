"""What a request needs of memory: bytes of its checkpoint's networks, and of the work. By headers and formulas, before anything is loaded; no torch.

Both who tells beforehand (`engine.fitting`) and who loads (`engine.models`) go by it. The work's formulas are counted, not guessed: the bytes of tensors that live
at once grow with the picture and a network's width by a constant of the architecture (`benchmarks/memory.py` measures it anew).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from modules.catalog.card import Card
from modules.catalog.measures import Measures, measured
from modules.core.errors import EaselError
from modules.core.options import DeviceOptions
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest, Precision
from modules.engine import further
from modules.engine.further import Shelf
from modules.engine.sizes import Widths, bytes_of, concrete, sizes
from modules.imaging.sizes import enlarged
from modules.memory.budget import ENCODERS, TILE, Work, decoding

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


@dataclass(frozen=True)
class Need:
    """sizes: bytes of each network, by the name of its part. tiled: the autoencoder is asked to work tile by tile."""

    sizes: Mapping[str, int]
    work: Work
    tiled: bool = False


@dataclass
class Needs:
    """options: how Easel was started. shelf: the catalog, which knows what else a request names; None: nothing else counts. Any thread may ask."""

    options: DeviceOptions
    shelf: Shelf | None = None
    _known: dict[tuple[Path, int], Measures] = field(default_factory=dict, init=False)

    def of(self, request: GenerationRequest, card: Card, gpu: bool) -> Need | None:
        """None where it is not known. Never raises: of a file that cannot be read nothing is said here."""
        companions = {role: self._measures(one) for role, one in card.companions.items()}
        found = need(request, card, self._measures(card), self.options, gpu, companions)
        if found is None or self.shelf is None:
            return found
        widths = widths_of(request, card, self.options, gpu)
        return replace(found, work=replace(found.work, beside=further.size(request, card, self.shelf, widths.network, widths.vae)))

    def _measures(self, card: Card) -> Measures:
        key = card.weights, card.size
        if key not in self._known:
            try:
                self._known[key] = measured(card)
            except (EaselError, OSError):
                self._known[key] = Measures()
        return self._known[key]


def need(
    request: GenerationRequest, card: Card, measures: Measures, options: DeviceOptions, gpu: bool, companions: Mapping[str, Measures] | None = None
) -> Need | None:
    """request: as it is asked for; its size and precision count. gpu: whether one computes. companions: measures of the files that the checkpoint draws with beside
    itself, by role; the usual ones where they are not known yet. None for a checkpoint of which nothing is known."""
    if card.family not in WORK or not measures.parts or not measures.width:
        return None
    widths = widths_of(request, card, options, gpu)
    size, full = widths.network, widths.vae
    if companions:
        others = {part: count for role, one in companions.items() for part, count in _companion(role, one, widths)}
        networks = {**others, **sizes(measures, widths)}
    else:
        networks = sizes(replace(measures, parts={**USUAL.get(card.family, {}), **measures.parts}), widths)
    width, height = _largest(request)
    denoise = drawing(request, card.family, measures.width, width, height, size)
    whole, pieces = (decoding(measures.levels or LEVELS, height, width, full, tiled) for tiled in (False, True))
    return Need(networks, Work(denoise, whole, pieces if max(width, height) > TILE else whole), request.vae_tiled)


def widths_of(request: GenerationRequest, card: Card, options: DeviceOptions, gpu: bool) -> Widths:
    """Bytes of numbers, as the request's precisions become concrete here. Arguments as `need` has them."""
    precision = _precision(request, card, options, gpu)
    size = bytes_of(precision)
    half_vae = gpu and not (options.no_half_vae or options.no_half or request.vae_full) and (precision != "fp16" or FAMILIES.get(card.family).half_vae)
    texts = next((bytes_of(one) for one in (request.text_precision, options.texts) if one != "auto"), size)
    return Widths(size, texts, size if half_vae else 4, concrete(request.storage, card.family))


def _precision(request: GenerationRequest, card: Card, options: DeviceOptions, gpu: bool) -> Precision:
    """As the request's becomes concrete here."""
    if request.precision != "auto":
        return request.precision
    return FAMILIES.get(card.family).half if gpu and not options.no_half else "fp32"


def drawing(request: GenerationRequest, family: str, channels: int, width: int, height: int, size: int) -> int:
    """Bytes that a call of what denoises takes beside its weights. width, height: in pixels."""
    rows = 1 if family in SINGLE or request.cfg_scale == 1 or request.guidance.apart else 2
    rows *= request.batch_size if request.batched else 1
    places = (width // LATENT) * (height // LATENT)
    if family in TOKENS:
        patch, words = TOKENS[family]
        places = places // patch**2 + words
    return int(rows * places * channels * WORK[family] * size)


def _companion(role: str, measures: Measures, widths: Widths) -> list[tuple[str, int]]:
    """(the part that it is, its bytes)."""
    plain = widths.vae if role == "vae" else widths.texts
    size = sum(sizes(measures, Widths(plain, plain, plain)).values())
    return [(role if role == "vae" else f"{ENCODERS} {role}", size)]


def _largest(request: GenerationRequest) -> tuple[int, int]:
    hires = request.hires
    if not hires.enabled:
        return request.width, request.height
    larger = enlarged(request.width, request.height, hires.scale, hires.width, hires.height)
    return max(request.width, larger.width), max(request.height, larger.height)
