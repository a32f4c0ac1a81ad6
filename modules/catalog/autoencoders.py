"""Autoencoders and the small networks that stand in for them in previews, by names and widths.

Two architectures share one header here and there: Stable Diffusion 1 and SDXL, Stable Diffusion 3 and FLUX, Wan and Qwen-Image. Such a file has both words,
with a stroke between them; which of the two it is, its own name may tell (`hinted`). Sources: latent-diffusion, diffusers, madebyollin's TAESD, Wan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modules.catalog.card import Kind
from modules.catalog.marks import Mark

SD, SIXTEEN, WAN = "sd1/sdxl", "sd3/flux", "wan/qwen-image"

HINTS = (
    ("sdxl", r"xl(?![a-z])|sdxl"),
    ("sd3", r"sd3|sd35|stable.?diffusion.?3|taesd3"),
    ("flux", r"flux|taef1|^ae$|chroma|z.?image"),
    ("qwen-image", r"qwen"),
    ("wan", r"wan"),
    ("sd1", r"mse|840000|560000|kl.?f8|sd.?1|sd.?v1|v1.?5|nai|anime|orangemix|blessed|taesd(?!xl|3)"),
)
"""Word -> what in a file's name speaks for it."""


def hinted(word: str, stem: str) -> str:
    """One of the two words of an ambiguous header when the file's name speaks for it and not for the other; else both."""
    words = word.split("/")
    spoken = [hint for hint, pattern in HINTS if hint in words and re.search(pattern, stem.casefold())]
    return spoken[0] if len(words) > 1 and spoken else word


def _channels(kind: Kind, entrance: str, has: tuple[str, ...], lacks: tuple[str, ...] = ()) -> Iterator[Mark]:
    for word, channels in ((SD, 4), (SIXTEEN, 16), ("flux2", 32)):
        yield Mark(word, has, lacks, ((entrance, 1, (channels,)),), kind=kind)


LDM = ("^decoder.conv_in.weight$", "^decoder.mid.attn_1.q.", "^decoder.up.3.")
OLD_DIFFUSERS = ("^decoder.conv_in.weight$", "^decoder.mid_block.attentions.0.", "^decoder.up_blocks.3.resnets.")
VIDEO = ("time_stack.", "time_mixer.", "temporal_", "time_conv_out.", "conv1.conv.weight", "causal", ".gamma$")

AUTOENCODERS: tuple[Mark, ...] = (
    Mark("sd1", ("^model_ema.decay$", *LDM, "^quant_conv."), VIDEO, (("^decoder.conv_in.weight$", 1, (4,)),), kind="vae"),
    Mark("svd", ("^decoder.conv_in.weight$", "^decoder.mid", "time_mix"), kind="vae"),
    Mark("hunyuan-video", ("^decoder.conv_in.conv.weight$", "^decoder.mid"), (".gamma",), (("^decoder.conv_in.conv.weight$", 1, (16,)),), kind="vae"),
    *_channels("vae", "^decoder.conv_in.weight$", LDM, VIDEO),
    *_channels("vae", "^decoder.conv_in.weight$", OLD_DIFFUSERS, VIDEO),
    Mark("wan2.2", ("^decoder.conv1.weight$", "^decoder.upsamples.0.upsamples.0."), kind="vae"),
    Mark(WAN, ("^decoder.conv1.weight$", "^decoder.middle.0.residual.0.gamma$", "^conv2.weight$"), sides=(("^decoder.conv1.weight$", 1, (16,)),), kind="vae"),
    Mark("wan2.2", ("^decoder.conv_in.weight$", "^decoder.mid_block.resnets.0.norm1.gamma$"), sides=(("^decoder.conv_in.weight$", 1, (48,)),), kind="vae"),
    Mark("ltx-video", ("^latents_mean$", "^encoder.conv_in.conv.weight$", "^decoder.conv_in.conv.weight$"), kind="vae"),
    Mark(WAN, ("^decoder.conv_in.weight$", "^decoder.mid_block.resnets.0.norm1.gamma$"), sides=(("^decoder.conv_in.weight$", 1, (16,)),), kind="vae"),
    Mark("stable-cascade-a", ("^vquantizer.codebook.weight$", "^in_block.1.", "^down_blocks.0."), kind="vae"),
    Mark("stable-cascade-effnet", ("^backbone.1.0.block.", "^mapper.0.weight$"), kind="vae"),
    Mark("ltx-video", ("^decoder.up_blocks.0.res_blocks.0.", "per_channel_statistics."), kind="vae"),
    Mark("sana", ("^decoder.stages.", "^encoder.stages.", "^decoder.project_in."), kind="vae"),
    *_channels("vae-approx", "^decoder.layers.0.weight$", ("^decoder.layers.0.weight$", "^decoder.layers.2.conv.0.weight$")),
    *_channels("vae-approx", "^1.weight$", ("^1.weight$", "^3.conv.0.weight$", "^3.conv.4.weight$")),
    *(
        Mark(word, ("^0.weight$", "^1.conv.0.weight$", "^1.conv.4.weight$"), sides=(("^0.weight$", 1, (3,)), (last, 0, (channels,))), kind="vae-approx")
        for word, channels in ((SD, 4), (SIXTEEN, 16), ("flux2", 32))
        for last in ("^14.weight$",)
    ),
    Mark(SD, ("^conv1.weight$", "^conv8.weight$"), sides=(("^conv1.weight$", 1, (4,)), ("^conv8.weight$", 0, (3,))), variant="projection", kind="vae-approx"),
)
"""The more particular first."""
