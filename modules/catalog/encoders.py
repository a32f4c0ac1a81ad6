"""Text encoders and image encoders, by names and widths.

Sources: transformers' CLIP, T5, Qwen, Gemma, Llama and SigLIP, open_clip's names, and llama.cpp's names in GGUF files.
"""

from __future__ import annotations

from collections.abc import Iterator

from modules.catalog.card import Kind
from modules.catalog.marks import Mark

CLIP_TEXT = (("clip-l", 768), ("clip-h", 1024), ("clip-g", 1280))
CLIP_VISION = (("clip-vision-b", 768), ("clip-vision-l", 1024), ("clip-vision-h", 1280), ("clip-vision-g", 1664))
T5 = (("t5-xxl", 4096), ("t5-xl", 2048), ("t5-large", 1024), ("t5-base", 768), ("t5-small", 512))


def _widths(kind: Kind, rows: tuple[tuple[str, int], ...], has: tuple[str, ...], where: str, axis: int, lacks: tuple[str, ...] = ()) -> Iterator[Mark]:
    for word, width in rows:
        yield Mark(word, has, lacks, ((where, axis, (width,)),), kind=kind)


def _t5(has: tuple[str, ...], where: str, words: str, own_bias: str) -> Iterator[Mark]:
    """umT5 and Pile-T5 have a position bias in each layer, and umT5 and mT5 have a vocabulary of 250,000 words."""
    multilingual = ((words, 0, (256384, 256300, 256000)),)
    for word, width in T5:
        yield Mark(f"um{word}", (*has, own_bias), sides=(*multilingual, (where, 0, (width,))), kind="text-encoder")
        yield Mark(f"pile-{word}", (*has, own_bias), sides=((words, 0, (32128,)), (where, 0, (width,))), kind="text-encoder")
        yield Mark(f"m{word}", has, (own_bias,), ((words, 0, (250112, 250100)), (where, 0, (width,))), kind="text-encoder")
        yield Mark(word, has, (own_bias,), ((words, 0, (32128, 32100)), (where, 0, (width,))), kind="text-encoder")
    yield Mark("byt5-small", has, (own_bias,), ((where, 0, (1472,)),), kind="text-encoder")


def _language(has: tuple[str, ...], norm: str, words: str, q_norm: str, q_bias: str, gemma: str) -> Iterator[Mark]:
    """Decoders that read prompts. norm: of the first layer, as wide as the model."""

    def row(word: str, width: int, vocabulary: tuple[int, ...], also: tuple[str, ...] = (), lacks: tuple[str, ...] = ()) -> Mark:
        sides = ((norm, 0, (width,)), (words, 0, vocabulary))
        return Mark(word, (*has, *also), lacks, sides, kind="text-encoder")

    qwen, llama, gemmas = (151936, 152064, 151669, 151665), (128256, 128320, 128258), (262208, 262144, 262145, 256000)
    for size, width in (("0.6b", 1024), ("1.7b", 2048), ("4b", 2560), ("8b", 4096), ("14b", 5120)):
        yield row(f"qwen3-{size}", width, qwen, (q_norm,), (gemma, "visual.", "deepstack"))
    for size, width in (("3b", 2048), ("7b", 3584)):
        yield row(f"qwen2.5-vl-{size}", width, qwen, (q_bias, "visual.blocks.0."), (q_norm,))
        yield row(f"qwen2.5-{size}", width, qwen, (q_bias,), (q_norm, "visual."))
    for size, width in (("4b", 2560), ("8b", 4096)):
        yield row(f"qwen3-vl-{size}", width, qwen, (q_norm, "visual."), (gemma,))
    for size, width in (("1b", 1152), ("4b", 2560), ("12b", 3840)):
        yield row(f"gemma3-{size}", width, gemmas, (q_norm, gemma))
    for size, width in (("2b", 2304), ("9b", 3584)):
        yield row(f"gemma2-{size}", width, (256000,), (gemma,), (q_norm,))
    yield row("llama3-8b", 4096, llama, (), (q_norm, q_bias, gemma))
    yield row("mistral-small-24b", 5120, (131072,), (), (q_norm, q_bias, gemma))


BLOCK = "encoder.block.0.layer.0.SelfAttention.q."
TEXT = ("encoder.layers.0.self_attn.q_proj.", "encoder.layers.0.mlp.fc1.", "token_embedding.weight$")
VISION = ("embeddings.patch_embedding.weight$", "encoder.layers.0.self_attn.q_proj.", "pre_layrnorm.")
NO_VISION = ("vision_model.", "patch_embedding.", "visual.", "visual_projection.")

ENCODERS: tuple[Mark, ...] = (
    *_widths("text-encoder", CLIP_TEXT, (*TEXT, "vision_model."), "token_embedding.weight$", 1),
    *_widths("text-encoder", CLIP_TEXT, TEXT, "token_embedding.weight$", 1, NO_VISION),
    *_widths("text-encoder", CLIP_TEXT, ("transformer.resblocks.0.attn.", "token_embedding.weight$", "ln_final."), "token_embedding.weight$", 1),
    Mark(
        "siglip2-so400m",
        ("head.attention.", "encoder.layers.26.", "embeddings.patch_embedding."),
        ("pre_layrnorm.",),
        (("patch_embedding.weight$", 1, (588,)),),
        kind="clip-vision",
    ),
    Mark(
        "siglip-so400m",
        ("head.attention.", "encoder.layers.26.", "embeddings.patch_embedding."),
        ("pre_layrnorm.",),
        (("patch_embedding.weight$", 0, (1152,)),),
        kind="clip-vision",
    ),
    *_widths("clip-vision", CLIP_VISION, VISION, "embeddings.patch_embedding.weight$", 0),
    *_widths("clip-vision", CLIP_VISION, ("visual.conv1.weight$", "visual.transformer.resblocks.0.", "visual.ln_pre."), "visual.conv1.weight$", 0),
    Mark(
        "dinov2-large",
        ("embeddings.patch_embeddings.projection.", "encoder.layer.0.attention."),
        sides=(("embeddings.patch_embeddings.projection.weight$", 0, (1024,)),),
        kind="clip-vision",
    ),
    *_t5(
        (BLOCK, "encoder.final_layer_norm."), "layer.0.layer_norm.weight$", "shared.weight$", "encoder.block.1.layer.0.SelfAttention.relative_attention_bias."
    ),
    *_t5((BLOCK,), "layer.0.layer_norm.weight$", "encoder.embed_tokens.weight$", "encoder.block.1.layer.0.SelfAttention.relative_attention_bias."),
    *_t5(("enc.blk.0.attn_q.", "enc.output_norm."), "enc.blk.0.attn_norm.weight$", "token_embd.weight$", "enc.blk.1.attn_rel_b."),
    *_language(
        ("layers.0.self_attn.q_proj.", "layers.0.mlp.gate_proj.", "embed_tokens.weight$"),
        "layers.0.input_layernorm.weight$",
        "embed_tokens.weight$",
        "layers.0.self_attn.q_norm.",
        "layers.0.self_attn.q_proj.bias$",
        "layers.0.pre_feedforward_layernorm.",
    ),
    *_language(
        ("blk.0.attn_q.weight$", "blk.0.ffn_gate.", "token_embd.weight$"),
        "blk.0.attn_norm.weight$",
        "token_embd.weight$",
        "blk.0.attn_q_norm.",
        "blk.0.attn_q.bias$",
        "blk.0.post_ffw_norm.",
    ),
    Mark("chatglm3-6b", ("encoder.layers.0.self_attention.query_key_value.", "embedding.word_embeddings."), kind="text-encoder"),
)
"""The more particular first."""
