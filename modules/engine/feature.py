"""A feature bends a stage in one of three places, and there are only three. The loop knows none of them by name."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from modules.families.family import Model, NetworkCall
from modules.sampling.step import Denoise, Step


class Feature:
    """Does nothing; a feature overrides what it needs."""

    @contextmanager
    def attach(self, model: Model) -> Iterator[None]:
        """Weights and attention processors, for the length of a stage; undone bit-exactly on exit (LoRA, IP-Adapter, tiling)."""
        yield

    @property
    def on_texts(self) -> Hashable:
        """What of it changes how texts are encoded while it is attached: equal for equal effects, () for none."""
        return ()

    @property
    def named(self) -> tuple[str, ...]:
        """Which files act through it, for people."""
        return ()

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        """One call of the network (ControlNet residuals, extra channels)."""
        return call

    def wrap(self, denoise: Denoise) -> Denoise:
        """One step (inpaint mask, progress, preview, interrupt). The last feature of the list is the outermost."""
        return denoise
