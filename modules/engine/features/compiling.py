"""Pictures by compiled blocks, where a person asked for that (`memory.compiled` makes them). Which pictures were is a fact of theirs, for their last bits differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor

from modules.engine.feature import Feature
from modules.families.family import Model, NetworkCall
from modules.memory.compiled import Compilations, Compiled
from modules.sampling.step import Denoise, Denoised, Step


@dataclass
class Compiling(Feature):
    """compilations: what was made so far."""

    compilations: Compilations
    _acting: Compiled | None = field(default=None, init=False)
    _ways: set[bool] = field(default_factory=set, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    @contextmanager
    def attach(self, model: Model) -> Iterator[None]:
        network = model.parts.get("unet", model.parts.get("transformer"))
        if network is None:
            yield
            return
        self._acting = self.compilations.of(network)
        with self._acting.standing(network):
            yield
        self._acting = None

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        if self._acting and step.call == 0:
            self._acting.begin()
        return call

    def wrap(self, denoise: Denoise) -> Denoise:
        def computed(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
            acting = self._acting
            if acting is None:
                return denoise(x, sigma, step)
            with acting.within():
                answer = denoise(x, sigma, step)
            self._ways.add(acting.on)
            return answer

        return computed

    def facts(self) -> dict[str, str]:
        """Of the pictures drawn since this was asked last."""
        ways, self._ways = self._ways, set()
        return {"compiled": "blocks" if False not in ways else "in part"} if True in ways else {}

    def trouble(self) -> str:
        """A sentence to tell, each once; "" where all is well."""
        said = (self._acting.trouble or self._acting.hindrance) if self._acting else ""
        new = said if said not in self._told else ""
        self._told.add(said)
        return new
