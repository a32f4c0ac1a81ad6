"""What the engine needs of a model family: a record (`core.records.families`) and its functions. Knows no family in particular."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from torch import Tensor

from modules.catalog.card import Card
from modules.core.groups.passes import Framing
from modules.core.groups.sampling import Text
from modules.core.records.families import FamilyRecord
from modules.core.request import GenerationRequest, Storage
from modules.sampling.flow import Flow

Prediction = Literal["eps", "v", "x0", "flow"]


@dataclass(frozen=True, eq=False)
class Cond:
    """What a text became: context [77 n, D] of the cross-attention, and further tensors that the family's network wants. Known by its identity."""

    context: Tensor
    extra: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """Where texts act, for families whose network is told: pixels of the pass's pictures, where those lie in larger ones, how beautiful they are to be.
    negative: whether the texts are the negative prompt."""

    width: int = 0
    height: int = 0
    negative: bool = False
    framing: Framing = field(default_factory=Framing)


PLAIN = Setting()


class NetworkCall(NamedTuple):
    """One call of the denoising network: x [N, C, H, W] already scaled to the network's input, timesteps [N], context [N, T, D].
    extra: what features and families add (ControlNet residuals, pooled text), as keyword arguments of the network.
    beside: further input channels [N, c, H, W] for a network that takes them; others leave them aside.
    negative: which rows are the negative prompt's; empty where there is none. blind: which of them know nothing of the picture that is edited, either."""

    x: Tensor
    timesteps: Tensor
    context: Tensor
    extra: Mapping[str, Any] = MappingProxyType({})
    beside: Tensor | None = None
    negative: tuple[bool, ...] = ()
    blind: tuple[bool, ...] = ()


@dataclass
class Model:
    """A loaded checkpoint. parts: named components (unet, vae, text_encoder, vocabulary); the networks lie on the CPU until `memory.placement` puts them where
    they run. device: where that is, and where their inputs go. alphas_cumprod: [1000] float32 on the CPU. dtype: of the denoising network.
    vae_dtype: of the autoencoder. scale: by which encoded latents are multiplied. beside: input channels of the network beyond the latents' own (5 of an inpainting model).
    flow: its schedule, where it learnt by flow matching; alphas_cumprod is empty then. tiled: whether the autoencoder works tile by tile."""

    card: Card
    record: FamilyRecord
    parts: dict[str, Any]
    alphas_cumprod: Tensor
    prediction: Prediction
    device: str
    dtype: Any
    vae_dtype: Any
    scale: float
    beside: int = 0
    flow: Flow | None = None
    tiled: bool = False


class Family(Protocol):
    record: FamilyRecord

    def load(self, card: Card, device: str, dtype: Any, vae_dtype: Any = None, text_dtype: Any = None, storage: Storage = "full") -> Model:
        """Reads the weights offline, into `dtype`; the autoencoder's and the text encoders' into their own where one is given. storage: how what draws keeps its
        weights; fp8 is for the caller to bring about. Raises BadModelFile or Unsupported with the reason."""

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        """Texts of one schedule, encoded in one call (A1111's emphasis shares its mean over them). embeddings: textual inversions by name, [n, D].
        Raises Unsupported for a clip skip deeper than the text encoder."""

    def predict(self, model: Model, call: NetworkCall) -> Tensor:
        """The network's raw output, [N, C, H, W], in its own dtype. Called at every step, inside of torch.inference_mode."""

    def decode(self, model: Model, latents: Tensor) -> Tensor:
        """Latents [B, C, H, W] -> pixels [B, 3, H * 8, W * 8], float32 on the CPU, around -1..1, not clamped; one picture at a time."""

    def encode_image(self, model: Model, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] in -1..1 -> latents [B, C, H / 8, W / 8], float32 on the CPU."""

    def check(self, request: GenerationRequest) -> None:
        """Raises Unsupported for what this family cannot do."""
