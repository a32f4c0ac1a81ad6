"""Which part of a picture is what, by a network from the user's folder: UPerNet (Xiao et al. 2018), SegFormer (Xie et al. 2021), Mask2Former (Cheng et al. 2022)
and OneFormer (Jain et al. 2023), each trained on the 150 classes of ADE20K. A folder of transformers -> a map in the colours that ControlNet reads.

Only these classes are made, from those values of a config that describe the network: nothing that names code, another repository or a place is looked at.
They run in fp32, so that a map does not hang on the precision of what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate
from transformers import (
    ConvNextConfig,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    OneFormerConfig,
    OneFormerForUniversalSegmentation,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SwinConfig,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)
from transformers.models.swin.modeling_swin import SwinRelativePositionBias

from modules.catalog.notes import read_json
from modules.core.errors import BadModelFile
from modules.core.records.ade20k import CLASSES, COLOURS
from modules.networks import build
from modules.networks.annotated import IMAGENET, chosen, named, ran, scaled, table
from modules.networks.component import weight_files
from modules.networks.ldm_sizes import CONFIGS
from modules.networks.transformers_names import in_memory
from modules.networks.weights import DTYPES, INTEGERS, Weights
from modules.prompt.vocabulary import Vocabulary

MULTIPLE = 32
"""Of which the sides must be that a network sees."""
TASK = "the task is semantic"
"""What OneFormer is told, by CLIP's vocabulary."""
SWIN = (
    "image_size", "patch_size", "num_channels", "embed_dim", "depths", "num_heads", "window_size", "mlp_ratio", "qkv_bias", "hidden_act",
    "use_absolute_embeddings", "layer_norm_eps", "out_features", "out_indices",
)  # fmt: skip
CONVNEXT = ("num_channels", "patch_size", "num_stages", "hidden_sizes", "depths", "hidden_act", "layer_norm_eps", "image_size", "out_features", "out_indices")
UPERNET = (
    "hidden_size", "pool_scales", "use_auxiliary_head", "auxiliary_in_channels", "auxiliary_channels", "auxiliary_num_convs", "auxiliary_concat_input",
)  # fmt: skip
SEGFORMER = (
    "num_channels", "num_encoder_blocks", "depths", "sr_ratios", "hidden_sizes", "patch_sizes", "strides", "num_attention_heads", "mlp_ratios", "hidden_act",
    "layer_norm_eps", "decoder_hidden_size", "reshape_last_stage",
)  # fmt: skip
MASK2FORMER = (
    "feature_size", "mask_feature_size", "hidden_dim", "encoder_feedforward_dim", "activation_function", "encoder_layers", "decoder_layers",
    "num_attention_heads", "dim_feedforward", "pre_norm", "enforce_input_projection", "common_stride", "num_queries", "feature_strides",
)  # fmt: skip
ONEFORMER = (
    "num_queries", "layer_norm_eps", "strides", "task_seq_len", "text_encoder_width", "text_encoder_context_length", "text_encoder_num_layers",
    "text_encoder_vocab_size", "text_encoder_proj_layers", "text_encoder_n_ctx", "conv_dim", "mask_dim", "hidden_dim", "encoder_feedforward_dim", "norm",
    "encoder_layers", "decoder_layers", "use_task_norm", "num_attention_heads", "dim_feedforward", "pre_norm", "enforce_input_proj", "query_dec_layers",
    "common_stride",
)  # fmt: skip
"""Values of a config that are believed."""


@dataclass(frozen=True)
class Segments:
    """answer: pixels [1, 3, H, W] -> what each class gets at each place, [1, 150, h, w]."""

    network: nn.Module
    answer: Callable[[Tensor], Tensor]
    device: str

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return build.size_of(self.network)

    @torch.inference_mode()
    def map(self, image: Image.Image) -> Image.Image:
        """RGB -> RGB of the same size: each place in the colour of its class. Raises BadModelFile."""
        pixels = scaled(image, MULTIPLE, *IMAGENET)
        scores = ran("segmentation network", lambda: self.answer(pixels.to(self.device))).float().cpu()
        classes = interpolate(scores, size=(image.height, image.width), mode="bilinear", align_corners=False)[0].argmax(0)
        return Image.fromarray(torch.tensor(COLOURS, dtype=torch.uint8)[classes].numpy())


def load(path: Path, device: str) -> Segments:
    """path: a folder of transformers. Raises BadModelFile."""
    with named(path.name), torch.inference_mode(False):
        config = read_json(path / "config.json")
        kind = config.get("model_type")
        if not isinstance(kind, str) or kind not in MADE:
            what = f"Its config says {str(kind)[:40]!r}, and the kinds known are {', '.join(MADE)}."
            raise BadModelFile(what, "Take a UPerNet, SegFormer, Mask2Former or OneFormer network.")
        network: Any = build.part("segmentation network", lambda: MADE[kind](config))
        if hasattr(network, "criterion"):
            network.criterion = None  # the loss of its training, with tensors that not every file has
        for module in network.modules():
            if isinstance(module, SwinRelativePositionBias):  # which no file holds: places within a window, counted
                module.relative_position_index = module._create_relative_position_index().view(-1)
        source = in_memory(network, Weights(weight_files(path), {**DTYPES, **INTEGERS}))
        build.fill(network, source, str, torch.float32, "segmentation network")
        network.to(device)
        return Segments(network, ANSWERS.get(kind, _plainly)(network), device)


def _plainly(network: Any) -> Callable[[Tensor], Tensor]:
    return lambda pixels: network(pixel_values=pixels).logits


def _asked(network: Any, **told: Tensor) -> Callable[[Tensor], Tensor]:
    """Of a network that names masks and the class of each: what a class gets at a place is the sum over the masks (Cheng et al. 2021, section 3.4)."""

    def answer(pixels: Tensor) -> Tensor:
        out = network(pixel_values=pixels, **told)
        classes = out.class_queries_logits.softmax(-1)[..., :-1]  # the last is "none of them"
        return torch.einsum("bqc, bqhw -> bchw", classes, out.masks_queries_logits.sigmoid())

    return answer


def _told(network: Any) -> Callable[[Tensor], Tensor]:
    """OneFormer, which is told in words what is wanted: their tokens, with zeros behind them."""
    vocabulary = Vocabulary.from_folder(CONFIGS / "clip")
    tokens = [vocabulary.bos, *vocabulary.encode(TASK), vocabulary.eos]
    row = torch.zeros(1, network.config.task_seq_len, device=network.device)
    row[0, : len(tokens)] = torch.tensor(tokens[: row.shape[1]], dtype=torch.float32)
    return _asked(network, task_inputs=row)


ANSWERS: Mapping[str, Callable[[Any], Callable[[Tensor], Tensor]]] = {"mask2former": _asked, "oneformer": _told}


def _backbone(value: Any) -> SwinConfig | ConvNextConfig:
    """Raises ValueError for one of another kind."""
    if isinstance(value, Mapping) and value.get("model_type") == "convnext":
        return ConvNextConfig(**chosen(value, CONVNEXT))
    return SwinConfig(**chosen(table(value, "swin"), SWIN))


def _upernet(config: Mapping[str, Any]) -> nn.Module:
    inner = _backbone(config.get("backbone_config"))
    return UperNetForSemanticSegmentation(UperNetConfig(**chosen(config, UPERNET), backbone_config=inner, num_labels=CLASSES))


def _segformer(config: Mapping[str, Any]) -> nn.Module:
    return SegformerForSemanticSegmentation(SegformerConfig(**chosen(config, SEGFORMER), num_labels=CLASSES))


def _mask2former(config: Mapping[str, Any]) -> nn.Module:
    inner = _backbone(config.get("backbone_config"))
    return Mask2FormerForUniversalSegmentation(Mask2FormerConfig(**chosen(config, MASK2FORMER), backbone_config=inner, num_labels=CLASSES))


def _oneformer(config: Mapping[str, Any]) -> nn.Module:
    inner = _backbone(config.get("backbone_config"))
    made = OneFormerConfig(**chosen(config, ONEFORMER), backbone_config=inner, num_labels=CLASSES, is_training=False)
    return OneFormerForUniversalSegmentation(made)


MADE: Mapping[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "upernet": _upernet,
    "segformer": _segformer,
    "mask2former": _mask2former,
    "oneformer": _oneformer,
}
