"""Networks that enlarge pictures and restore faces, told by tensors that a file of their architecture has; and how many times they enlarge. No torch.

Only the common architectures are named here; a file of another one is listed all the same, and the loader (spandrel, some forty architectures) has the
last word. Sources: the reference implementations' own names, as spandrel 0.4.2 recognises them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from modules.catalog.header import Header

WORDS = {"Real-ESRGAN": "realesrgan", "Real-ESRGAN Compact": "realesrgan-compact"}
"""Architectures whose word in the catalog is not their name in small letters."""


class Network(NamedTuple):
    """architecture: "" when it is none of the common ones. scale: 0 where the names do not say. face: it restores faces and enlarges nothing."""

    architecture: str = ""
    scale: int = 0
    face: bool = False


class Sign(NamedTuple):
    """An architecture, told by tensors that a file of it has, all of one of these rows."""

    architecture: str
    rows: tuple[tuple[str, ...], ...]
    scale: Callable[[Header], int] = lambda found: 0
    face: bool = False


def recognised(found: Header) -> Network:
    """The first architecture all of whose tensors in one row are there; an empty record when it is none of them."""
    for sign in SIGNS:
        if any(all(name in found.tensors for name in row) for row in sign.rows):
            return Network(sign.architecture, sign.scale(found), sign.face)
    return Network()


def word(architecture: str) -> str:
    """The catalog's word for an architecture."""
    return WORDS.get(architecture, architecture.lower().replace(" ", "-"))


def _old_esrgan(found: Header) -> int:
    length = 1 + _last(found.tensors, r"model\.(\d+)\.weight")
    return _unshuffled(2 ** max((length - 5) // 3, 0), found.shape("model.0.weight"), found.shape(f"model.{length - 1}.weight"))


def _new_esrgan(found: Header) -> int:
    return _unshuffled(2 ** max(_last(found.tensors, r"(?:upconv|conv_up)(\d)\.weight"), 0), found.shape("conv_first.weight"), found.shape("conv_last.weight"))


def _unshuffled(scale: int, first: tuple[int, ...], last: tuple[int, ...]) -> int:
    """Real-ESRGAN's networks for small factors fold 2 x 2 or 4 x 4 pixels into channels before they begin."""
    if len(first) != 4 or len(last) != 4 or not last[0]:
        return 0
    return scale // math.isqrt(first[1] // last[0]) if first[1] in (4 * last[0], 16 * last[0]) else scale


def _compact(found: Header) -> int:
    last = _last(found.tensors, r"body\.(\d+)\.weight")
    shape = found.shape(f"body.{last}.weight")
    return math.isqrt(shape[0] // 3) if len(shape) == 4 else 0


def _shuffled(found: Header) -> int:
    """The upsamplers of SwinIR and its successors: stages of pixel shuffle, one of them directly, or nearest neighbours and convolutions."""
    if "conv_up1.weight" in found.tensors:
        return 4 if "conv_up2.weight" in found.tensors else 2
    stages = [found.shape(name) for name in found.tensors if re.fullmatch(r"upsample\.\d+\.weight", name)]
    if not stages or any(len(shape) != 4 or not shape[1] for shape in stages):
        return 1 if not stages else 0
    if "conv_before_upsample.0.weight" not in found.tensors:
        return math.isqrt(stages[0][0] // 3)
    return math.prod(math.isqrt(shape[0] // shape[1]) for shape in stages)


def _last(names: Iterable[str], pattern: str) -> int:
    return max((int(match[1]) for name in names if (match := re.fullmatch(pattern, name))), default=-1)


SIGNS = (
    Sign("GFPGAN", (("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),), face=True),
    Sign("CodeFormer", (("quantize.embedding.weight", "position_emb"),), face=True),
    Sign("RestoreFormer", (("encoder.conv_in.weight", "quantize.embedding.weight", "decoder.conv_out.weight"),), face=True),
    Sign("RetinaFace", (("ClassHead.0.conv1x1.weight", "LandmarkHead.0.conv1x1.weight"),), face=True),
    Sign("ParseNet", (("out_mask_conv.conv2d.weight", "encoder.0.conv2d.weight"),), face=True),
    Sign("ESRGAN", (("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"), ("model.0.weight", "model.1.sub.0.RDB1.conv1x1.weight")), _old_esrgan),
    Sign("ESRGAN", (("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "trunk_conv.weight", "conv_last.weight"),), _new_esrgan),
    Sign("Real-ESRGAN", (("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight", "conv_last.weight"),), _new_esrgan),
    Sign("Real-ESRGAN Compact", (("body.0.weight", "body.1.weight", "body.2.weight"),), _compact),
    Sign("MM-RealSR", (("de_net.conv_first.0.weight", "conv_first.weight", "dd_embed.0.weight"),)),
    Sign("SPAN", (("conv_1.sk.weight", "block_1.c1_r.sk.weight", "conv_cat.weight", "upsampler.0.weight"),)),
    Sign("SAFMN", (("to_feat.weight", "feats.0.safm.mfr.0.weight", "to_img.0.weight"),)),
    Sign("SAFMN-BCIE", (("to_feat.1.weight", "feats.0.layers.0.safm.mfr.0.weight", "to_img.0.weight"),)),
    Sign(
        "PLKSR",
        (("feats.0.weight", "feats.1.lk.conv.weight", "feats.1.refine.weight"), ("feats.0.weight", "feats.1.lk.convs.0.weight", "feats.1.refine.weight")),
    ),
    Sign("OmniSR", (("residual_layer.0.residual_layer.0.layer.0.fn.0.weight", "input.weight", "up.0.weight"),)),
    Sign("SCUNet", (("m_head.0.weight", "m_tail.0.weight"),), lambda found: 1),
    Sign("FBCNN", (("m_head.weight", "m_tail.weight", "qf_pred.0.res.0.weight"),), lambda found: 1),
    Sign("DRUNet", (("m_head.weight", "m_body.0.res.0.weight", "m_tail.weight"),), lambda found: 1),
    Sign("Real-CUGAN", (("unet1.conv1.conv.0.weight", "unet2.conv1.conv.0.weight", "unet1.conv_bottom.weight"),)),
    Sign("AuraSR", (("mid_attn.layers.0.0.to_out.weight", "mid_block2.block1.proj.weights"),), lambda found: 4),
    Sign("CRAFT", (("conv_first.weight", "layers.0.residual_group.hf_blocks.0.attn.temperature"),)),
    Sign("DITN", (("sft.weight", "UFONE.0.ITLs.0.attn.temperature", "upsample.0.weight"),)),
    Sign("DRCT", (("conv_first.weight", "layers.0.swin1.norm1.weight", "layers.0.adjust1.weight"),), _shuffled),
    Sign("ATD", (("conv_first.weight", "layers.0.residual_group.td", "layers.0.residual_group.layers.0.sigma"),), _shuffled),
    Sign("GRL", (("conv_first.weight", "norm_start.weight", "layers.0.blocks.0.attn.window_attn.attn_transform.logit_scale"),)),
    Sign("RGT", (("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.gamma", "layers.0.blocks.0.attn.attns.0.rpe_biases"),)),
    Sign(
        "RCAN",
        (
            ("head.0.weight", "tail.1.weight", "body.0.body.0.body.3.conv_du.0.weight"),
            ("head.1.weight", "tail.1.weight", "body.0.body.0.body.3.conv_du.0.weight"),
        ),
    ),
    Sign("NAFNet", (("intro.weight", "ending.weight", "middle_blks.0.beta"),), lambda found: 1),
    Sign("MoSR", (("gblocks.0.weight", "gblocks.1.fc1.weight"),)),
    Sign("MoESR", (("in_to_dim.weight", "blocks.0.blocks.0.gamma"),)),
    Sign("LaMa", (("model.model.1.bn_l.running_mean",), ("generator.model.1.bn_l.running_mean",)), lambda found: 1),
    Sign("DAT", (("conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.norm1.weight", "layers.0.blocks.0.ffn.fc1.weight"),), _shuffled),
    Sign("HAT", (("conv_first.weight", "layers.0.residual_group.overlap_attn.qkv.weight"),), _shuffled),
    Sign("Swin2SR", (("layers.0.residual_group.blocks.0.attn.logit_scale", "layers.0.residual_group.blocks.0.norm1.weight"),), _shuffled),
    Sign("SwinIR", (("layers.0.residual_group.blocks.0.norm1.weight", "conv_first.weight"),), _shuffled),
)
"""The more particular first."""
