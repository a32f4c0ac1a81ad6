"""Seeds of sweeps, and how a sweep's request becomes concrete and each part's plain. A1111 fixes the seeds of a script before its first job."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from modules.core.groups.passes import Script
from modules.core.limits import SEED_LIMIT
from modules.core.request import AUTOMATIC_VAE, SEED_DRAW, GenerationRequest
from modules.engine.sweeps.tools import Tools
from modules.engine.vae_names import is_automatic


def drawn() -> int:
    return random.randrange(SEED_DRAW)


def advanced(seed: int, by: int) -> int:
    """Beyond the largest seed it goes on at 0, as in `core.request.single`. -1, for one that is drawn or not needed, stays."""
    return (seed + by) % (SEED_LIMIT + 1) if seed >= 0 else seed


def settled(request: GenerationRequest, tools: Tools) -> GenerationRequest:
    """The whole request made concrete, its seeds fixed. The script stays, and so do the styles: A1111 merges them into each job's prompts, after the
    script has changed those. A VAE that is found by the checkpoint's name is found for each part's."""
    whole = tools.resolve(replace(request, styles=(), script=Script()))
    if is_automatic(request):
        whole = replace(whole, vae=AUTOMATIC_VAE, vae_hash="")
    return replace(whole, styles=request.styles, script=request.script)


def plain(request: GenerationRequest, **changes: Any) -> GenerationRequest:
    """A part's request: without the script, and without the record of embeddings and LoRAs, which is the whole prompt's."""
    return replace(request, script=Script(), embeddings={}, loras={}, **changes)
