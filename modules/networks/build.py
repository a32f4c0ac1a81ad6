"""Makes a network of a given config and fills it with weights: the one place where modules come to life. Knows no file layout.

The module is built without memory of its own, so that nothing is initialised in vain, and takes the tensors as they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL, ControlNetModel, ControlNetUnionModel, FluxTransformer2DModel, SD3Transformer2DModel, T2IAdapter, UNet2DConditionModel
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    T5Config,
    T5EncoderModel,
)

from modules.core.errors import BadModelFile
from modules.memory.device import is_out_of_memory
from modules.networks.packed import Kept, pack, suits
from modules.networks.sources import Source

Network = TypeVar("Network", bound=nn.Module)
Name = Callable[[str], str]
"""A tensor's name in the module -> its name in the file."""
Keep = Callable[[str, Source, str], Kept | None]
"""(a layer's name, the weights, its tensor's name in the file) -> how the layer keeps its weight; None: as plain numbers."""

DEPTH_LIMIT = 64
"""Blocks, layers and levels of a config; real ones have up to 24. A damaged config must not build for ever."""

WIDTH_LIMIT = 1_000_000


def unet(config: Mapping[str, Any]) -> UNet2DConditionModel:
    """Without weights. Raises BadModelFile for a config that makes no network."""
    return _made("UNet", config, lambda: UNet2DConditionModel.from_config(dict(config)))


def vae(config: Mapping[str, Any]) -> AutoencoderKL:
    return _made("VAE", config, lambda: AutoencoderKL.from_config(dict(config)))


def text_encoder(config: Mapping[str, Any]) -> CLIPTextModel:
    return _made("text encoder", config, lambda: CLIPTextModel(CLIPTextConfig(**_plain(config))))


def flux(config: Mapping[str, Any]) -> FluxTransformer2DModel:
    return _made("transformer", config, lambda: FluxTransformer2DModel.from_config(dict(config)))


def sd3(config: Mapping[str, Any]) -> SD3Transformer2DModel:
    return _made("transformer", config, lambda: SD3Transformer2DModel.from_config(dict(config)))


def t5(config: Mapping[str, Any]) -> T5EncoderModel:
    return _made("T5 text encoder", config, lambda: T5EncoderModel(T5Config(**_plain(config))))


def projecting_text_encoder(config: Mapping[str, Any]) -> CLIPTextModelWithProjection:
    """CLIP with the projection that makes its pooled text."""
    return _made("text encoder", config, lambda: CLIPTextModelWithProjection(CLIPTextConfig(**_plain(config))))


def controlnet(config: Mapping[str, Any]) -> ControlNetModel:
    return _made("ControlNet", config, lambda: ControlNetModel.from_config(dict(config)))


def controlnet_union(config: Mapping[str, Any]) -> ControlNetUnionModel:
    return _made("ControlNet", config, lambda: ControlNetUnionModel.from_config(dict(config)))


def t2i_adapter(config: Mapping[str, Any]) -> T2IAdapter:
    return _made("T2I-Adapter", config, lambda: T2IAdapter.from_config(dict(config)))


def image_encoder(config: Mapping[str, Any]) -> CLIPVisionModelWithProjection:
    return _made("image encoder", config, lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**_plain(config))))


def part(what: str, make: Callable[[], Network]) -> Network:
    """A network that has no config, by whoever knows its sizes. Raises BadModelFile."""
    return _made(what, {}, make)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in ("torch_dtype", "dtype")}  # the weights decide


def _made(what: str, config: Mapping[str, Any], make: Callable[[], Network]) -> Network:
    try:
        check(config)
        with torch.device("meta"):
            return make()
    except Exception as error:  # the libraries raise whatever a wrong value leads to: TypeError, KeyError, their own
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BadModelFile(f"The config of the {what} describes no network: {reason}", "Download or copy the model again.") from error


def check(config: Mapping[str, Any]) -> None:
    """Raises ValueError for a number that no network has."""
    for name, value in config.items():
        numbers = value if isinstance(value, (list, tuple)) else [value]
        counts = ("num_hidden_layers", "layers_per_block", "transformer_layers_per_block")
        limit = DEPTH_LIMIT if name in counts else WIDTH_LIMIT
        if len(numbers) > DEPTH_LIMIT or any(isinstance(number, int) and abs(number) > limit for number in numbers):
            raise ValueError(f"{name} is out of range")


def fill(network: Network, weights: Source, name_in_file: Name, dtype: torch.dtype, what: str, keep: Keep | None = None) -> Network:
    """Loads the weights and makes the network ready to run. Raises BadModelFile for missing tensors and other shapes, naming the first few.
    keep: which layers keep their weights in few bits; one layer after the other, so that their plain numbers are never all in memory."""
    wanted = {name: (name_in_file(name), tuple(tensor.shape)) for name, tensor in network.state_dict().items()}
    missing = [inside for inside, _ in wanted.values() if inside not in weights.shapes]
    if missing:
        raise BadModelFile(f"The {what} lacks {len(missing)} of {len(wanted)} tensors: {_few(missing)}.", "Download or copy the model again.")
    other = [f"{inside} {weights.shapes[inside]} instead of {shape}" for inside, shape in wanted.values() if not _fits(weights.shapes[inside], shape)]
    if other:
        raise BadModelFile(f"The {what} has tensors of other shapes than its config: {_few(other)}.", "Check that config and weights belong together.")
    for name, layer in list(network.named_modules()) if keep else ():
        inside, shape = wanted.get(f"{name}.weight", ("", ()))
        if keep and inside and suits(layer) and weights.shapes[inside] == shape and (kept := keep(name, weights, inside)):
            pack(layer, kept, dtype)
            del wanted[f"{name}.weight"]
    read = weights.read((inside for inside, _ in wanted.values()), dtype)
    network.load_state_dict({name: read[inside].reshape(shape) for name, (inside, shape) in wanted.items()}, strict=keep is None, assign=True)
    _settle_buffers(network, what)
    return network.requires_grad_(False).eval()


def _fits(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Equal, or the same matrix kept as a convolution of size 1 (attention in LDM's autoencoder)."""
    return given == wanted or (len(wanted) == 2 and given[:2] == wanted and set(given[2:]) == {1})


def _settle_buffers(network: nn.Module, what: str) -> None:
    """What no file holds: CLIP's table of positions. Anything else without memory would fail at the first run, so it is refused here."""
    for name, buffer in network.named_buffers():
        if buffer.is_meta and name.endswith("position_ids"):
            owner = network.get_submodule(name.rpartition(".")[0])
            owner.register_buffer("position_ids", torch.arange(buffer.shape[-1]).expand(1, -1), persistent=False)
    bare: list[Tensor] = [tensor for tensor in (*network.parameters(), *network.buffers()) if tensor.is_meta]
    if bare:
        raise BadModelFile(f"The {what} has {len(bare)} tensors that no file holds.", "It needs another version of diffusers.")


def size_of(network: nn.Module) -> int:
    """Bytes of its parameters."""
    return sum(tensor.nbytes for tensor in network.parameters())


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
