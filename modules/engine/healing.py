"""What a run does so that its pictures are made all the same: where memory is short, and where half precision overflows.

What reaches pixels becomes part of the request as which a picture is drawn, so that its record makes it again; what does not is only said. A picture is
wholly the one or the other: where something of it was already made in another way, it is drawn again from its beginning (`Again`). Knows no sampler.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import NotNumbers
from modules.core.options import Placement
from modules.core.request import GenerationRequest
from modules.engine import blame
from modules.engine.models import Loaded
from modules.families.family import Family, Model
from modules.imaging.resize import Upscaler
from modules.memory import ladder
from modules.memory.ladder import Rung, Work
from modules.memory.placement import in_full
from modules.networks import vae_tiles

T = TypeVar("T")
VAE_FULL = "The VAE overflowed in half precision, so it worked in fp32 for this picture. --no-half-vae does so from the start."
MODEL_FULL = "The model overflowed in half precision, so this picture was drawn in fp32. The precision under Computing does so from the start."
UPSCALER_FULL = 'The upscaler overflowed in half precision, so it worked in fp32 for this picture. "Upscaler in full precision" does so from the start.'
SMALLEST_TILE = 64
COLORS = 3
FIRST_TILE = 512
"""Pixels of the tiles that an upscaler works in: at the least, and where it took pictures whole before."""


class Again(Exception):
    """Leaves a picture that must be drawn from its beginning, as `Healing.request` now says. Never reaches a face."""


@dataclass(eq=False)
class Healing:
    """Of one run. asked: its resolved request. room: puts out of memory what is not at work; None: nothing is done about short memory.
    frugal: has the model hold less where the work is, and says how it lies now. tile: has autoencoders work tile by tile. device: for people.
    lacks: parameters that the family does not know. say: takes what the user should know. autoencoder: what that of a checkpoint is called, at the beginning of a
    sentence. remedy: what is to be done where nothing helps against short memory.
    request: as which the present picture is drawn, or those that are evaluated together."""

    asked: GenerationRequest = field(default_factory=GenerationRequest)
    room: Callable[[], None] | None = None
    frugal: Callable[[], Placement | None] = lambda: None
    tile: Callable[[], None] = lambda: None
    device: str = "device"
    lacks: Collection[str] = ()
    say: Callable[[str], None] = lambda sentence: None
    autoencoder: Callable[[Card], str] = lambda card: f"The VAE of {card.name}"
    remedy: str = ladder.REMEDY
    request: GenerationRequest = field(init=False)
    _where: Placement | None = field(default=None, init=False)
    _passed: bool = field(default=False, init=False)
    _large: bool = field(default=False, init=False)
    _divisible: bool = field(default=False, init=False)
    _enlarged: bool = field(default=False, init=False)
    _cleared: set[Work] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.request = self.asked

    def begin(self) -> None:
        """The next picture. What overflowed may not do so again; what was too large will be again."""
        enlarging = replace(self.request.enlarging, full=self.asked.enlarging.full)
        precision, texts = self.asked.precision, self.asked.text_precision
        self.request = replace(self.request, vae_full=self.asked.vae_full, precision=precision, text_precision=texts, enlarging=enlarging)
        self._cleared.clear()
        self.restart()

    def restart(self) -> None:
        """The same picture from its beginning."""
        self._passed = self._large = self._enlarged = False

    def whole(self, do: Callable[[], T]) -> T:
        """What `do` makes of a picture from its beginning, as often as it begins."""
        while True:
            try:
                return do()
            except Again:
                self.restart()

    def attempt(self, work: Work, do: Callable[[], T], once: bool = False) -> T:
        """What `do` gives, in as much memory as there is. once: it cannot be done twice; the picture begins again in its place.
        Raises OutOfMemory where nothing is left to be done, Again."""

        def ease() -> None:
            self._ease(work)
            if once:
                raise Again

        return ladder.fitting(do, ease) if self.room else do()

    def through(self, acting: Callable[[], Loaded], given: Tensor, work: Callable[[Family, Model, Tensor], Tensor], some: bool = False) -> Tensor:
        """Latents or pixels [B, ...] through the autoencoder. What comes out as not-a-number from numbers is done again in fp32. some: it will do where one row at
        least comes out as numbers. Raises Again, OutOfMemory, NotNumbers."""
        self._divisible = max(given.shape[-2:]) > vae_tiles.TILE * (1 if given.shape[1] > COLORS else acting().model.record.multiple)

        def do() -> Tensor:
            made = self._through(acting(), given, work)
            if blame.lost(given, made) and not (some and blame.rows(made).any()):
                raise blame.autoencoding(self.autoencoder(acting().model.card))
            return made

        made = self.attempt("autoencoding", do)
        self._large |= self._divisible and not self.request.vae_tiled
        return made

    def enlarging(self, upscaler: Callable[[GenerationRequest], Upscaler | None]) -> Upscaler | None:
        """The upscaler of a request, which may become another one's on the way. The function raises Again where it had enlarged something of this picture."""
        if upscaler(self.request) is None:
            return None

        def do(image: Image.Image, scale: float) -> Image.Image:
            current = upscaler(self.request)
            assert current is not None
            larger = current(image, scale)
            self._enlarged = True
            return larger

        def sound(image: Image.Image, scale: float) -> Image.Image:
            """Half precision that overflows is no reason to have no picture."""
            try:
                return do(image, scale)
            except NotNumbers:
                if self.request.enlarging.full or self.request.precision == "fp32":
                    raise
            self.request = replace(self.request, enlarging=replace(self.request.enlarging, full=True))
            self.say(UPSCALER_FULL)
            if self._enlarged:
                raise Again
            return do(image, scale)

        return lambda image, scale: self.attempt("enlarging", lambda: sound(image, scale))

    def tiled(self, said: str = "") -> None:
        """From here on the autoencoder works tile by tile."""
        self.request = replace(self.request, vae_tiled=True)
        self.tile()
        if said:
            self.say(said)

    def widened(self, model: Model) -> None:
        """A model made not-a-number. Raises Again where half the digits may not have been enough for it."""
        texts = self.request.text_precision if "text_precision" in self.lacks else "fp32"
        half = model.dtype != torch.float32 and self.request.precision != "fp32"
        if half or self.request.text_precision not in ("auto", texts):
            self.request = replace(self.request, precision="fp32", text_precision=texts)
            self.say(MODEL_FULL)
            raise Again

    def _through(self, acting: Loaded, given: Tensor, work: Callable[[Family, Model, Tensor], Tensor]) -> Tensor:
        family, model = acting.family, acting.model
        half = model.vae_dtype != torch.float32
        if not half or not self.request.vae_full:
            made = work(family, model, given)
            if not half or not blame.lost(given, made):
                self._passed = True
                return made
            self.request = replace(self.request, vae_full=True)
            self.say(VAE_FULL)
            if self._passed:
                raise Again
        with in_full(model.parts["vae"]):
            return work(family, replace(model, vae_dtype=torch.float32), given)

    def _ease(self, work: Work) -> None:
        """Takes the next rung that helps. Raises OutOfMemory where there is none, Again where the picture is another one from here on."""
        for rung in ladder.RUNGS:
            if work in rung.helps and self._taken(rung, work):
                told = ladder.PLACED[self._where] if rung.name == "placement" and self._where else (rung.did, rung.instead)
                self.say(" ".join(filter(None, (ladder.SHORT[work], *told))))
                if rung.again or rung.name == "tiles" and self._enlarged:
                    raise Again
                return
        raise ladder.exhausted(work, self.device, (self.asked.width, self.asked.height), self.remedy)

    def _taken(self, rung: Rung, work: Work) -> bool:
        """Whether there was something left to be done by it."""
        steps: Mapping[str, Callable[[], bool]] = {
            "room": lambda: self._emptied(work),
            "tiles": self._tiled,
            "singly": self._singly,
            "apart": self._apart,
            "placement": self._moved,
            "vae tiles": lambda: not self._large and self._in_tiles(),
            "vae tiles again": self._in_tiles,
        }
        return steps[rung.name]()

    def _moved(self) -> bool:
        self._where = self.frugal()
        return self._where is not None

    def _emptied(self, work: Work) -> bool:
        """Once in each work of a picture."""
        if work in self._cleared or self.room is None:
            return False
        self._cleared.add(work)
        self.room()
        return True

    def _in_tiles(self) -> bool:
        if self.request.vae_tiled or not self._divisible:
            return False
        self.tiled()
        return True

    def _tiled(self) -> bool:
        how = self.request.enlarging
        tile = max(how.tile // 2, SMALLEST_TILE) if how.tile else FIRST_TILE
        if not how.networks or how.tile == tile:
            return False
        self.request = replace(self.request, enlarging=replace(how, tile=tile))
        return True

    def _singly(self) -> bool:
        """The rest of the run, too."""
        if not self.request.batched or self.request.batch_size == 1:
            return False
        self.request = replace(self.request, batched=False)
        return True

    def _apart(self) -> bool:
        guidance = self.request.guidance
        if guidance.apart or "guidance.apart" in self.lacks:
            return False
        self.request = replace(self.request, guidance=replace(guidance, apart=True))
        return True
