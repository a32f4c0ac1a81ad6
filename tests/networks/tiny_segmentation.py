"""Tiny segmentation networks of the real classes, with the 150 classes of ADE20K, as transformers saves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers

CLASSES = 150
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def swin() -> transformers.SwinConfig:
    return transformers.SwinConfig(image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, mlp_ratio=2.0, out_features=STAGES)


def upernet(inner: Any = None, third: int = 16) -> Any:
    inner = inner or transformers.ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], out_features=STAGES)
    sizes = {"hidden_size": 16, "auxiliary_in_channels": third, "auxiliary_channels": 8}
    return transformers.UperNetForSemanticSegmentation(transformers.UperNetConfig(backbone_config=inner, num_labels=CLASSES, **sizes))


def segformer() -> Any:
    sizes = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16}
    return transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(num_labels=CLASSES, **sizes))


def mask2former() -> Any:
    sizes = {"feature_size": 32, "mask_feature_size": 32, "hidden_dim": 32, "encoder_feedforward_dim": 16, "dim_feedforward": 16}
    layers = {"encoder_layers": 1, "decoder_layers": 2, "num_attention_heads": 2, "num_queries": 6}
    return transformers.Mask2FormerForUniversalSegmentation(transformers.Mask2FormerConfig(backbone_config=swin(), num_labels=CLASSES, **sizes, **layers))


def oneformer() -> Any:
    sizes = {"conv_dim": 32, "mask_dim": 32, "hidden_dim": 32, "encoder_feedforward_dim": 16, "dim_feedforward": 16, "text_encoder_width": 32}
    layers = {"encoder_layers": 1, "decoder_layers": 2, "num_attention_heads": 2, "num_queries": 6, "query_dec_layers": 1, "text_encoder_num_layers": 1}
    more = {"text_encoder_vocab_size": 100, "text_encoder_n_ctx": 2, "is_training": False}
    return transformers.OneFormerForUniversalSegmentation(transformers.OneFormerConfig(backbone_config=swin(), num_labels=CLASSES, **sizes, **layers, **more))


MAKERS: Mapping[str, Callable[[], Any]] = {
    "upernet": upernet,
    "upernet on swin": lambda: upernet(swin(), 32),
    "segformer": segformer,
    "mask2former": mask2former,
    "oneformer": oneformer,
}


def made(kind: str, seed: int = 4) -> Any:
    torch.manual_seed(seed)
    network = MAKERS[kind]()
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, 3 if "class_predictor" in name or "mask_embed" in name else 0.3)  # so that each query means a class of its own
    return network.eval()
