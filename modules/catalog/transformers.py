"""Denoising transformers, and UNets that are not Stable Diffusion's, by the names that only they have: in their authors' layout and in diffusers'.

Sources: the reference implementations (Black Forest Labs, Stability AI, Alibaba, Tencent, Lightricks, PixArt, Lumina, NVIDIA) and diffusers 0.42's models.
"""

from __future__ import annotations

from modules.catalog.marks import Mark

OTHERS = ("controlnet_", "control_layers.", "lora_", ".lora", "input_hint_block.", "vace_blocks.", "_processor.")
"""Names of what only goes with such a network."""

NOT_FLUX = (*OTHERS, "distilled_guidance_layer.", "individual_token_refiner.", "pos_embed_input.", "double_stream_modulation_img.", "nerf_", "byt5_in.")
FLUX = ("double_blocks.0.img_attn.", "double_blocks.0.img_mod.lin.", "^vector_in.", "^final_layer.", "^txt_in.")
FLUX_DIFFUSERS = ("^single_transformer_blocks.0.proj_mlp.", "^time_text_embed.text_embedder.", "^transformer_blocks.0.attn.add_k_proj.", "^x_embedder.")
SD3 = ("joint_blocks.0.x_block.attn.", "^x_embedder.proj.", "^context_embedder.", "^y_embedder.")
SD3_DIFFUSERS = ("^transformer_blocks.0.attn.add_k_proj.", "^pos_embed.proj.", "^context_embedder.", "^time_text_embed.text_embedder.")
NOT_SD3 = (*OTHERS, "single_transformer_blocks.")


def _flux(marks: tuple[str, ...], guidance: str, entrance: str, end: str) -> tuple[Mark, ...]:
    """What a FLUX transformer takes in beside the noisy latents, the width of its entrance says."""
    return (
        Mark("flux-fill", (*marks, guidance), NOT_FLUX, times=((entrance, 1, end, 0, 6),), variant="fill"),
        Mark("flux-control", (*marks, guidance), NOT_FLUX, times=((entrance, 1, end, 0, 2),), variant="control"),
        Mark("flux-dev", (*marks, guidance), NOT_FLUX, times=((entrance, 1, end, 0, 1),), variant="dev"),
        Mark("flux-schnell", marks, (*NOT_FLUX, guidance), times=((entrance, 1, end, 0, 1),), variant="schnell"),
    )


def _flux2(marks: tuple[str, ...], entrance: str) -> tuple[Mark, ...]:
    """Told by the width of the text: three layers of Mistral 24B, Qwen3 8B, Qwen3 4B."""
    return (
        Mark("flux2-dev", marks, OTHERS, ((entrance, 1, (15360,)),), variant="dev"),
        Mark("flux2-klein-9b", marks, OTHERS, ((entrance, 1, (12288,)),), variant="klein-9b"),
        Mark("flux2-klein-4b", marks, OTHERS, ((entrance, 1, (7680,)),), variant="klein-4b"),
        Mark("flux2", marks, OTHERS),
    )


def _sd3(marks: tuple[str, ...], normed: str, second: str) -> tuple[Mark, ...]:
    """Stable Diffusion 3.5 normalises queries and keys; its medium size attends twice in its first blocks."""
    return (
        Mark("sd35-medium", (*marks, normed, second), NOT_SD3, variant="3.5-medium"),
        Mark("sd35-large", (*marks, normed), (*NOT_SD3, second), variant="3.5-large"),
        Mark("sd3", marks, (*NOT_SD3, normed, second), variant="medium"),
    )


def _wan(marks: tuple[str, ...], text: str, entrance: str, image: str) -> tuple[Mark, ...]:
    sizes = (("1.3b", (1536,)), ("5b", (3072,)), ("14b", (5120,)))
    return (
        *(Mark("wan", (*marks, image), OTHERS, ((text, 0, width),), variant=f"i2v-{size}") for size, width in sizes),
        *(Mark("wan", marks, (*OTHERS, image), ((text, 0, width), (entrance, 1, (36,))), variant=f"i2v-{size}") for size, width in sizes),
        *(Mark("wan", marks, (*OTHERS, image), ((text, 0, width), (entrance, 1, (16, 48))), variant=f"t2v-{size}") for size, width in sizes),
        Mark("wan", marks),
    )


LUMINA = ("cap_embedder.0.", "context_refiner.0.attention.", "noise_refiner.0.attention.", "layers.0.attention.")

TRANSFORMERS: tuple[Mark, ...] = (
    Mark("", ("qproj.qweight",), variant="nunchaku"),
    *_flux(FLUX, "^guidance_in.", "^img_in.weight$", "^final_layer.linear.weight$"),
    *_flux(FLUX_DIFFUSERS, "^time_text_embed.guidance_embedder.", "^x_embedder.weight$", "^proj_out.weight$"),
    *_flux2(("^double_stream_modulation_img.lin.", "^double_blocks.0.img_attn.", "^single_blocks.0.linear1."), "^txt_in.weight$"),
    *_flux2(("^double_stream_modulation_img.linear.", "^single_transformer_blocks.0."), "^context_embedder.weight$"),
    Mark("chroma-radiance", ("distilled_guidance_layer.", "nerf_", "double_blocks.0.img_attn."), OTHERS),
    Mark("chroma", ("distilled_guidance_layer.", "double_blocks.0.img_attn."), OTHERS),
    Mark("chroma", ("distilled_guidance_layer.", "^single_transformer_blocks.0."), OTHERS),
    Mark("hunyuan-video-1.5", ("txt_in.individual_token_refiner.", "^vision_in.", "double_blocks.0.img_attn"), OTHERS),
    Mark("hunyuan-image", ("txt_in.individual_token_refiner.", "^byt5_in.", "double_blocks.0.img_attn"), OTHERS),
    Mark("hunyuan-video", ("txt_in.individual_token_refiner.", "double_blocks.0.img_attn"), OTHERS, (("^img_in.proj.weight$", 1, (16,)),), variant="t2v"),
    Mark("hunyuan-video", ("txt_in.individual_token_refiner.", "double_blocks.0.img_attn"), OTHERS, (("^img_in.proj.weight$", 1, (32, 33)),), variant="i2v"),
    Mark("hunyuan-video", ("^context_embedder.token_refiner.", "^single_transformer_blocks.0.", "^x_embedder.proj."), OTHERS),
    *_sd3(SD3, ".ln_q.", ".x_block.attn2."),
    *_sd3(SD3_DIFFUSERS, "^transformer_blocks.0.attn.norm_q.", "^transformer_blocks.0.attn2."),
    Mark("auraflow", ("double_layers.0.attn.w1q.", "cond_seq_linear.", "single_layers.0."), OTHERS),
    Mark("auraflow", ("^joint_transformer_blocks.0.", "^single_transformer_blocks.0.", "^register_tokens$"), OTHERS),
    Mark("qwen-image", ("^txt_norm.", "^img_in.", "^transformer_blocks.0.img_mod.1.", "^transformer_blocks.0.txt_mlp."), OTHERS),
    Mark("z-image", (*LUMINA, "^cap_pad_token$", "^x_pad_token$"), OTHERS),
    Mark("z-image", ("^all_x_embedder.", "^cap_pad_token$", "^context_refiner.0.", "^noise_refiner.0."), OTHERS),
    Mark("lumina2", LUMINA, (*OTHERS, "pad_token"), (("^cap_embedder.1.weight$", 1, (2304,)),)),
    Mark("omnigen2", ("^ref_image_patch_embedder.", "^time_caption_embed.", "^layers.0.attn."), OTHERS),
    Mark("lumina2", ("^time_caption_embed.caption_embedder.", "^context_refiner.0.", "^noise_refiner.0.", "^layers.0.attn."), OTHERS),
    Mark("lumina-next", ("cap_embedder.0.", "^layers.0.attention.wk_y."), OTHERS),
    Mark("hidream", ("double_stream_blocks.0.block.", "single_stream_blocks.0.block.", "^caption_projection.0."), OTHERS),
    Mark("hunyuan-dit", ("^text_embedding_padding$", "^mlp_t5.0.", "^blocks.0.attn2."), OTHERS),
    Mark("hunyuan-dit", ("^text_embedding_padding$", "^time_extra_emb.", "^blocks.0.attn2."), OTHERS),
    Mark("pixart-alpha", ("^y_embedder.y_embedding$", "^blocks.0.cross_attn.kv_linear.", "^t_block.1."), OTHERS, (("^y_embedder.y_embedding$", 0, (120,)),)),
    Mark("pixart-sigma", ("^y_embedder.y_embedding$", "^blocks.0.cross_attn.kv_linear.", "^t_block.1."), OTHERS, (("^y_embedder.y_embedding$", 0, (300,)),)),
    Mark("pixart-alpha", ("^adaln_single.emb.resolution_embedder.", "^pos_embed.proj.", "^transformer_blocks.0.attn2."), OTHERS),
    Mark("pixart", ("^adaln_single.emb.timestep_embedder.", "^pos_embed.proj.", "^transformer_blocks.0.attn2.", "^caption_projection."), OTHERS),
    Mark("sana", ("^transformer_blocks.0.ff.conv_inverted.", "^caption_norm.", "^transformer_blocks.0.attn2."), OTHERS),
    Mark("ltx-2", ("audio_patchify_proj.", "transformer_blocks.0.audio_attn1."), OTHERS),
    Mark("ltx-video", ("^patchify_proj.", "^adaln_single.emb.timestep_embedder.", "^transformer_blocks.0.attn2."), OTHERS),
    Mark(
        "ltx-video", ("^proj_in.", "^scale_shift_table$", "^time_embed.emb.timestep_embedder.", "^caption_projection.", "^transformer_blocks.0.attn2."), OTHERS
    ),
    Mark("mochi", ("^t5_yproj.", "^blocks.0.mod_x."), OTHERS),
    Mark("mochi", ("^pos_frequencies$", "^time_embed.pooler.", "^transformer_blocks.0.attn1.add_k_proj."), OTHERS),
    Mark("cogview4", ("^patch_embed.text_proj.", "^time_condition_embed.condition_embedder.", "^transformer_blocks.0.norm1.linear."), OTHERS),
    Mark("cogvideox", ("^patch_embed.text_proj.", "^transformer_blocks.0.norm1.linear.", "^transformer_blocks.0.attn1.norm_q."), OTHERS),
    Mark("wan", ("^vace_blocks.0.", "^blocks.0.self_attn.", "^text_embedding.0."), variant="vace"),
    *_wan(
        ("^blocks.0.self_attn.norm_q.", "^blocks.0.cross_attn.", "^text_embedding.0.", "^head."),
        "^text_embedding.0.bias$",
        "^patch_embedding.weight$",
        "^img_emb.",
    ),
    *_wan(
        ("^blocks.0.attn1.norm_q.", "^blocks.0.attn2.", "^condition_embedder.text_embedder."),
        "^condition_embedder.text_embedder.linear_1.bias$",
        "^patch_embedding.weight$",
        "^condition_embedder.image_embedder.",
    ),
    Mark("anima", ("^llm_adapter.", "^blocks.0.self_attn.q_proj.", "^x_embedder.proj.1."), OTHERS),
    Mark("cosmos-predict2", ("^blocks.0.self_attn.q_proj.", "^blocks.0.mlp.layer1.", "^x_embedder.proj.1."), OTHERS),
    Mark("cosmos", ("^blocks.block0.blocks.0.block.attn.to_q.0.", "^x_embedder.proj.1."), OTHERS),
    Mark("cosmos", ("^learnable_pos_embed.pos_emb_t$", "^transformer_blocks.0.attn1.", "^patch_embed.proj."), OTHERS),
    Mark("kandinsky5", ("^visual_transformer_blocks.0.", "^text_transformer_blocks.0."), OTHERS),
    Mark("stable-cascade-c", ("^clip_txt_mapper.", "^clip_txt_pooled_mapper.", "^down_blocks.0."), OTHERS),
    Mark("stable-cascade-b", ("^effnet_mapper.0.", "^pixels_mapper.0.", "^down_blocks.0."), OTHERS),
)
"""The more particular first."""
