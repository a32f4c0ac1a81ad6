"""What a request leaves out for speed (`core.groups.shortcuts`), as features: token merging, DeepCache, first-block cache.

A call may use what an earlier one of the same kind left in the same run of a sampler, and never what another picture or pass left: so the same request is the
same picture, whatever was drawn before.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from modules.core.request import GenerationRequest
from modules.engine.feature import Feature
from modules.engine.plan import Stage
from modules.families.family import Model, NetworkCall
from modules.networks.reuse import Memory, sharing_deep_features, sharing_later_blocks
from modules.networks.token_merging import merging
from modules.sampling.step import Step


@dataclass(frozen=True)
class TokenMerging(Feature):
    """ratio: above 0. Two of the same are equal, so that a model keeps it on from stage to stage."""

    ratio: float

    @contextmanager
    def attach(self, model: Model) -> Iterator[None]:
        if (unet := model.parts.get("unet")) is None:
            yield
            return
        with merging(unet, self.ratio):
            yield


@dataclass
class Reuse(Feature):
    """deep_steps: a UNet computes its inner layers once in so many calls. threshold: of a transformer's first block; 0 for never."""

    deep_steps: int = 1
    threshold: float = 0.0
    _memory: Memory = field(default_factory=Memory, init=False)
    _whole: dict[Hashable, int] = field(default_factory=dict, init=False)
    _last: int = field(default=-1, init=False)

    @contextmanager
    def attach(self, model: Model) -> Iterator[None]:
        self._forget()
        unet, transformer = model.parts.get("unet"), model.parts.get("transformer")
        try:
            if unet is not None and self.deep_steps > 1:
                with sharing_deep_features(unet, self._memory):
                    yield
            elif transformer is not None and self.threshold:
                with sharing_later_blocks(transformer, self._memory, self.threshold):
                    yield
            else:
                yield
        finally:
            self._forget()

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        """Rows of other texts, or of another number of them, are another kind of call."""
        key = (tuple(call.x.shape), call.context.shape[1], call.negative, call.blind)
        if step.call < self._last or step.call == 0 and self._whole.get(key) == 0:  # another run of a sampler has begun
            self._forget()
        self._last = step.call
        since = step.call - self._whole[key] if key in self._whole else None
        self._memory.key = key
        self._memory.fresh = since is None or self.deep_steps > 1 and since >= self.deep_steps
        if self._memory.fresh:
            self._whole[key] = step.call
        return call

    def _forget(self) -> None:
        self._memory.kept.clear()
        self._whole.clear()
        self._last = -1


def standing(request: GenerationRequest) -> tuple[Feature, ...]:
    """What stands on every model of a run."""
    shortcuts = request.shortcuts
    return (Reuse(shortcuts.deep_steps, shortcuts.first_block),) if shortcuts.deep_steps > 1 or shortcuts.first_block else ()


def of_stage(stage: Stage) -> tuple[Feature, ...]:
    """What a model wears in one stage only. A1111's rule: a second pass without a ratio of its own has the first one's."""
    shortcuts = stage.request.shortcuts
    ratio = stage.first_pass is not None and shortcuts.merging_hires or shortcuts.merging
    return (TokenMerging(ratio),) if ratio else ()
