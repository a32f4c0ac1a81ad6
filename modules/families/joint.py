"""What Stable Diffusion 3 and FLUX have in common: texts read by T5 in one line, latents with a shift, and schedules of flow matching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import Unsupported
from modules.core.groups.sampling import Text
from modules.core.records.families import FamilyRecord
from modules.core.request import Storage
from modules.families.family import Model
from modules.networks import joint_checkpoint, t5, vae
from modules.networks.joint_checkpoint import Layout, Precisions
from modules.prompt.emphasis import weigh
from modules.prompt.grammar import Fragments, fragments
from modules.prompt.t5 import lines
from modules.sampling.flow import Flow


def load(
    record: FamilyRecord,
    layout: Layout,
    usual: str,
    card: Card,
    device: str,
    dtype: Any,
    vae_dtype: Any = None,
    text_dtype: Any = None,
    storage: Storage = "full",
) -> Model:
    """As `Family.load`. usual: the schedule type that the family's "Automatic" means."""
    precisions = Precisions(dtype, vae_dtype or dtype, text_dtype or dtype, storage)
    with torch.inference_mode(False):  # weights made inside it could never be trained or adapted later
        parts = joint_checkpoint.load(card, layout, precisions)
    return Model(
        card=card,
        record=record,
        parts=parts.networks,
        alphas_cumprod=torch.empty(0),
        prediction="flow",
        device=device,
        dtype=dtype,
        vae_dtype=precisions.vae,
        scale=float(parts.networks["vae"].config.scaling_factor),
        flow=flow_of(parts.scheduler, usual),
    )


def pieces_of(texts: Sequence[str], text: Text) -> list[Fragments]:
    """Raises Unsupported for compel's rule, which knows these models not."""
    if text.emphasis == "compel":
        raise Unsupported("compel's weights do not know this kind of model.", "Choose another emphasis, such as Original.", "text.emphasis")
    return [fragments(one, text.emphasis) for one in texts]


def t5_states(model: Model, part: str, texts: Sequence[Fragments], text: Text, length: int) -> list[Tensor]:
    """Texts of one schedule -> [n, D] each, of one length n >= `length`; their emphasis as A1111 weighs CLIP's. Equal texts are run once."""
    encoder, known = model.parts[part], lines(texts, model.parts["t5_vocabulary"], length)
    done: dict[tuple[int, ...], Tensor] = {}
    for line in known:
        key = tuple(line.tokens)
        if key not in done:
            done[key] = t5.hidden(encoder, torch.tensor([line.tokens]), model.device)
    states = torch.stack([done[tuple(line.tokens)] for line in known])
    return list(weigh(states, torch.tensor([line.weights for line in known]), text.emphasis).unbind())


def flow_of(config: Mapping[str, Any], usual: str) -> Flow:
    """A folder's scheduler config (diffusers' FlowMatchEulerDiscreteScheduler)."""

    def number(name: str, otherwise: float) -> float:
        value = config.get(name)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise

    if not config.get("use_dynamic_shifting"):
        return Flow(shift=max(number("shift", 1.0), 1e-3), usual=usual)
    small = int(number("base_image_seq_len", 256)), number("base_shift", 0.5)
    return Flow(small=small, large=(int(number("max_image_seq_len", 4096)), number("max_shift", 1.15)), usual=usual)


def decode(model: Model, latents: Tensor) -> Tensor:
    """As `Family.decode`."""
    network = model.parts["vae"]
    with torch.no_grad():
        return vae.decode(network, latents, model.scale, model.vae_dtype, model.device, shift_of(network), model.tiled)


def encode_image(model: Model, pixels: Tensor) -> Tensor:
    """As `Family.encode_image`."""
    network = model.parts["vae"]
    with torch.no_grad():
        return vae.encode(network, pixels, model.scale, model.vae_dtype, model.device, shift=shift_of(network), tiled=model.tiled)


def shift_of(network: Any) -> float:
    return float(network.config.shift_factor or 0.0)


def whole_tokens(x: Tensor, patch: int = 2) -> Tensor:
    """Latents [N, C, h, w] of odd sides, filled up by going on at the opposite edge, so that tokens of `patch` x `patch` latents cover them."""
    height, width = x.shape[-2:]
    return torch.nn.functional.pad(x, (0, -width % patch, 0, -height % patch), mode="circular") if height % patch or width % patch else x
