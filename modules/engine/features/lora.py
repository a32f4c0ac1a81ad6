"""LoRAs on a model's weights, for as long as a stage draws."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from modules.catalog.card import Card
from modules.core.request import GenerationRequest
from modules.engine import loras
from modules.engine.feature import Feature
from modules.engine.loras import Found
from modules.families.family import Model
from modules.networks import pickles
from modules.networks.lora import Fit, Wear, worn


@dataclass(frozen=True)
class Loras(Feature):
    """found: what is worn, each file once. say: is told what became of each. converted: where pickles lie that became safetensors. Two that wear the same are equal."""

    found: tuple[Found, ...]
    say: Callable[[str], None] = field(compare=False)
    converted: Path = field(compare=False)

    @property
    def on_texts(self) -> Hashable:
        return tuple(sorted((one.digest, one.tag.te, one.tag.dyn) for one in self.found if one.tag.te))

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(f"LoRA {one.tag.name}" for one in self.found)

    @contextmanager
    def attach(self, model: Model) -> Iterator[None]:
        wears = [Wear(self._path(one), one.digest, one.tag.te, one.tag.unet, one.tag.dyn, one.card.path.name) for one in self.found]
        with worn(model.parts, wears) as fits:
            for one, fit in zip(self.found, fits, strict=True):
                self.say(said(one, fit))
            yield

    def _path(self, one: Found) -> Path:
        """Of a pickle the safetensors file that a child process made of it; its digest is that of the whole file. Raises BadModelFile, OutputTrouble."""
        return pickles.readable(one.card.path, one.digest, self.converted)


def of_stage(request: GenerationRequest, shelf: loras.Shelf, say: Callable[[str], None], checkpoint: Card, converted: Path) -> tuple[Feature, ...]:
    """What a checkpoint's model wears in a stage; () for nothing. request: the stage's, resolved. converted: where pickles lie that became safetensors."""
    found = loras.summed(loras.worn(request, shelf, checkpoint))
    return (Loras(tuple(found), say, converted),) if found else ()


def said(one: Found, fit: Fit) -> str:
    """A red mark stands before that of a LoRA which did nothing."""
    made = f", made for {loras.spoken(one.card)}" if one.card.architecture else ""
    sentence = f"LoRA {one.tag.name}: {fit.applied} of {fit.tensors} keys applied{made}."
    return sentence if fit.applied else f"🔴 {sentence} It did nothing: it was not made for this model."
