"""Denoising transformers and the UNets that are not Stable Diffusion's, by the names that only they have: in their authors' layout and in diffusers'.

Sources: the reference implementations (Black Forest Labs, Stability AI, Alibaba, Tencent, Lightricks, PixArt, Lumina, NVIDIA) and diffusers 0.42's models.
"""

from __future__ import annotations

from modules.catalog.marks import Mark

FLUX = ("double_blocks.0.img_attn.", "vector_in.", "final_layer.")
FLUX_DIFFUSERS = ("single_transformer_blocks.0.", "time_text_embed.text_embedder.", "transformer_blocks.0.attn.add_k_proj.", "x_embedder.")
FLUX_IN, FLUX_IN_DIFFUSERS = "img_in.weight", "x_embedder.weight"
NOT_FLUX = ("distilled_guidance_layer.", "individual_token_refiner.", "controlnet_", "pos_embed_input.", "double_stream_modulation_img.", "lora")
SD3 = ("joint_blocks.0.x_block.attn.", "x_embedder.proj.", "context_embedder.")
SD3_DIFFUSERS = ("^transformer_blocks.0.attn.add_k_proj.", "^pos_embed.proj.", "^context_embedder.", "time_text_embed.text_embedder.")
NOT_SD3 = ("controlnet_", "single_transformer_blocks.", "lora")


def _flux(marks: tuple[str, ...], entrance: str) -> tuple[Mark, ...]:
    guided = (*marks, "guidance_in." if entrance == FLUX_IN else "guidance_embedder.")
    return (
        Mark("flux-fill", guided, NOT_FLUX, ((entrance, 1, (384,)),), "fill"),
        Mark("flux-control", guided, NOT_FLUX, ((entrance, 1, (128,)),), "control"),
        Mark("flux-dev", guided, NOT_FLUX, ((entrance, 1, (64,)),), "dev"),
        Mark("flux-schnell", marks, (*NOT_FLUX, guided[-1]), ((entrance, 1, (64,)),), "schnell"),
    )


def _sd3(marks: tuple[str, ...], normed: str, second: str) -> tuple[Mark, ...]:
    """Stable Diffusion 3.5 normalises queries and keys; its medium size attends twice in its first blocks."""
    return (
        Mark("sd35-medium", (*marks, normed, second), NOT_SD3, (), "3.5-medium"),
        Mark("sd35-large", (*marks, normed), (*NOT_SD3, second), (), "3.5-large"),
        Mark("sd3", marks, (*NOT_SD3, normed, second), (), "medium"),
    )


TRANSFORMERS: tuple[Mark, ...] = (
    *_flux(FLUX, FLUX_IN),
    *_flux(FLUX_DIFFUSERS, FLUX_IN_DIFFUSERS),
    *_sd3(SD3, ".ln_q.", ".x_block.attn2."),
    *_sd3(SD3_DIFFUSERS, "transformer_blocks.0.attn.norm_q.", "transformer_blocks.0.attn2."),
)
"""The more particular first."""
