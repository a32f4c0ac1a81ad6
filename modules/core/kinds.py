"""The kinds of requests that a job may carry, by the name under which the history and pictures record them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.core.errors import InvalidRequest
from modules.core.extras import ExtrasRequest
from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.core.training import TrainingRequest
from modules.core.wish import Wish

KINDS: Mapping[str, type[GenerationRequest] | type[ExtrasRequest] | type[TrainingRequest]] = {
    kind.KIND: kind for kind in (GenerationRequest, ExtrasRequest, TrainingRequest)
}
USUAL = GenerationRequest.KIND
"""Of what was recorded before there were several."""


def request_of(kind: str, tree: Any) -> Wish:
    """A recorded request, checked. Raises InvalidRequest, also for a kind that this version does not know."""
    if kind not in KINDS:
        raise InvalidRequest(f"There is no kind of request {kind[:40]!r}.", "It was recorded by a later version of Easel.", "kind")
    return from_dict(KINDS[kind], tree)
