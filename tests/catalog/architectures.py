"""Names and shapes of networks by the rules of their architectures, for tests of recognition. Nothing here was copied from a file.

A row is name -> shape. Depths are those of the real networks where they tell architectures apart, and small where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modules.catalog.header import Entry, Header

Shapes = dict[str, tuple[int, ...]]

BUNDLE = "model.diffusion_model."


def header(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str] | None = None, dtype: str = "F16") -> Header:
    return Header({name: Entry(dtype, shape) for name, shape in shapes.items()}, metadata or {})


def under(prefix: str, shapes: Shapes) -> Shapes:
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def conv(name: str, out: int, into: int, side: int = 3) -> Shapes:
    return {f"{name}.weight": (out, into, side, side), f"{name}.bias": (out,)}


def transformer(name: str, width: int, text: int, depth: int, flat: bool) -> Shapes:
    """A spatial transformer of Stable Diffusion. flat: its entrance is a linear layer, as from version 2 on."""
    found: Shapes = {f"{name}.proj_in.weight": (width, width) if flat else (width, width, 1, 1)}
    for block in range(depth):
        for number, into in ((1, width), (2, text)):
            at = f"{name}.transformer_blocks.{block}.attn{number}"
            found |= {
                f"{at}.to_q.weight": (width, width),
                f"{at}.to_k.weight": (width, into),
                f"{at}.to_v.weight": (width, into),
                f"{at}.to_out.0.bias": (width,),
            }
    return found


def ldm_unet(
    text: int, channels: int = 4, label: int = 0, base: int = 320, depths: tuple[int, ...] = (1, 1, 1, 0), flat: bool = False, middle: int = 1
) -> Shapes:
    found = conv("input_blocks.0.0", base, channels)
    if label:
        found |= linear("label_emb.0.0", 4 * base, label)
    number = 1
    for level, depth in enumerate(depths):
        width = base * min(2**level, 4)
        for _ in range(2):
            found |= {f"input_blocks.{number}.0.in_layers.2.weight": (width, width, 3, 3), f"input_blocks.{number}.0.emb_layers.1.weight": (width, 4 * base)}
            if depth:
                found |= transformer(f"input_blocks.{number}.1", width, text, depth, flat)
            number += 1
        number += 1
    deepest = base * min(2 ** (len(depths) - 1), 4)
    found |= {"middle_block.0.in_layers.2.weight": (deepest, deepest, 3, 3)} | (transformer("middle_block.1", deepest, text, middle, flat) if middle else {})
    for number in range(3 * len(depths)):
        found[f"output_blocks.{number}.0.in_layers.2.weight"] = (base, base, 3, 3)
    return found | conv("out.2", 4, base)


def diffusers_unet(text: int, channels: int = 4, label: int = 0, depths: tuple[int, ...] = (1, 1, 1, 0), flat: bool = False, middle: int = 1) -> Shapes:
    found = conv("conv_in", 320, channels)
    if label:
        found |= linear("add_embedding.linear_1", 1280, label)
    for level, depth in enumerate(depths):
        width = 320 * min(2**level, 4)
        found |= {f"down_blocks.{level}.resnets.0.conv1.weight": (width, width, 3, 3), f"up_blocks.{level}.resnets.2.conv1.weight": (width, width, 3, 3)}
        found |= transformer(f"down_blocks.{level}.attentions.0", width, text, depth, flat) if depth else {}
    found |= {"mid_block.resnets.0.conv1.weight": (1280, 1280, 3, 3), "up_blocks.0.resnets.0.conv1.weight": (1280, 2560, 3, 3)}
    return found | (transformer("mid_block.attentions.0", 1280, text, middle, flat) if middle else {}) | conv("conv_out", 4, 320)


XL = (0, 2, 10)


def sdxl_unet(channels: int = 4) -> Shapes:
    return ldm_unet(2048, channels, 2816, depths=XL, flat=True, middle=10)


def ldm_vae(channels: int = 4, quant: bool = True) -> Shapes:
    found = conv("encoder.conv_in", 128, 3) | conv("decoder.conv_in", 512, channels) | conv("decoder.conv_out", 3, 128)
    for level in range(4):
        found |= {f"encoder.down.{level}.block.0.conv1.weight": (128, 128, 3, 3), f"decoder.up.{level}.block.0.conv1.weight": (128, 128, 3, 3)}
    found |= {"decoder.mid.attn_1.q.weight": (512, 512, 1, 1), "encoder.mid.attn_1.q.weight": (512, 512, 1, 1)}
    return found | (conv("quant_conv", 2 * channels, 2 * channels, 1) | conv("post_quant_conv", channels, channels, 1) if quant else {})


def diffusers_vae(channels: int = 4) -> Shapes:
    found = conv("decoder.conv_in", 512, channels) | {"decoder.mid_block.attentions.0.to_q.weight": (512, 512)}
    return found | {f"decoder.up_blocks.{level}.resnets.0.conv1.weight": (128, 128, 3, 3) for level in range(4)}


def clip_text(width: int, layers: int, level: str = "text_model.") -> Shapes:
    found: Shapes = {f"{level}embeddings.token_embedding.weight": (49408, width), f"{level}embeddings.position_embedding.weight": (77, width)}
    for number in range(layers):
        at = f"{level}encoder.layers.{number}"
        found |= linear(f"{at}.self_attn.q_proj", width, width) | linear(f"{at}.mlp.fc1", 4 * width, width)
    return found


def open_clip_text(width: int, layers: int) -> Shapes:
    found: Shapes = {"token_embedding.weight": (49408, width), "ln_final.weight": (width,)}
    return found | {f"transformer.resblocks.{number}.attn.in_proj_weight": (3 * width, width) for number in range(layers)}


def vision(width: int, layers: int) -> Shapes:
    found: Shapes = {"vision_model.embeddings.patch_embedding.weight": (width, 3, 14, 14), "vision_model.pre_layrnorm.weight": (width,)}
    for number in range(layers):
        found |= linear(f"vision_model.encoder.layers.{number}.self_attn.q_proj", width, width)
    return found


def t5(width: int, words: int = 32128, own: bool = False) -> Shapes:
    found: Shapes = {"shared.weight": (words, width), "encoder.final_layer_norm.weight": (width,)}
    for number in range(4):
        at = f"encoder.block.{number}.layer.0"
        found |= {f"{at}.SelfAttention.q.weight": (4096, width), f"{at}.layer_norm.weight": (width,)}
        if own or not number:
            found[f"{at}.SelfAttention.relative_attention_bias.weight"] = (32, 64)
    return found


def language(width: int, words: int, *, norms: bool = False, bias: bool = False, gemma: bool = False, see: bool = False) -> Shapes:
    found: Shapes = {"model.embed_tokens.weight": (words, width), "model.norm.weight": (width,)}
    for number in range(3):
        at = f"model.layers.{number}"
        found |= {f"{at}.input_layernorm.weight": (width,), f"{at}.self_attn.q_proj.weight": (width, width), f"{at}.mlp.gate_proj.weight": (4 * width, width)}
        found |= {f"{at}.self_attn.q_norm.weight": (128,)} if norms else {}
        found |= {f"{at}.self_attn.q_proj.bias": (width,)} if bias else {}
        found |= {f"{at}.pre_feedforward_layernorm.weight": (width,)} if gemma else {}
    return found | ({"visual.blocks.0.attn.qkv.weight": (1280, 1280)} if see else {})


def sd1(channels: int = 4) -> Shapes:
    return under(BUNDLE, ldm_unet(768, channels)) | under("first_stage_model.", ldm_vae()) | under("cond_stage_model.transformer.", clip_text(768, 12))


def sd2(channels: int = 4) -> Shapes:
    return (
        under(BUNDLE, ldm_unet(1024, channels, flat=True)) | under("first_stage_model.", ldm_vae()) | under("cond_stage_model.model.", open_clip_text(1024, 23))
    )


def unclip(label: int) -> Shapes:
    return (
        under(BUNDLE, ldm_unet(1024, 4, label, flat=True))
        | under("first_stage_model.", ldm_vae())
        | under("cond_stage_model.model.", open_clip_text(1024, 23))
        | {"embedder.model.visual.conv1.weight": (1280, 3, 14, 14)}
    )


def upscaling() -> Shapes:
    found = ldm_unet(1024, 7, base=256, flat=True) | {"label_emb.weight": (1000, 1024)}
    return under(BUNDLE, found) | under("first_stage_model.", ldm_vae()) | under("cond_stage_model.model.", open_clip_text(1024, 23))


def sdxl(channels: int = 4) -> Shapes:
    return (
        under(BUNDLE, sdxl_unet(channels))
        | under("first_stage_model.", ldm_vae())
        | under("conditioner.embedders.0.transformer.", clip_text(768, 12))
        | under("conditioner.embedders.1.model.", open_clip_text(1280, 32))
    )


def refiner() -> Shapes:
    unet = ldm_unet(1280, 4, 2560, base=384, depths=(0, 4, 4, 0), flat=True, middle=4)
    return under(BUNDLE, unet) | under("first_stage_model.", ldm_vae()) | under("conditioner.embedders.0.model.", open_clip_text(1280, 32))


def flux(channels: int = 64, guided: bool = True, wide: int = 3072) -> Shapes:
    found = linear("img_in", wide, channels) | linear("txt_in", wide, 4096) | linear("vector_in.in_layer", wide, 768) | linear("final_layer.linear", 64, wide)
    found |= linear("guidance_in.in_layer", wide, 256) if guided else {}
    for number in range(19):
        at = f"double_blocks.{number}"
        for side in ("img", "txt"):
            found |= (
                linear(f"{at}.{side}_attn.qkv", 3 * wide, wide) | linear(f"{at}.{side}_mlp.0", 4 * wide, wide) | linear(f"{at}.{side}_mod.lin", 6 * wide, wide)
            )
    for number in range(38):
        found |= linear(f"single_blocks.{number}.linear1", 7 * wide, wide)
    return found


def flux_diffusers(channels: int = 64, guided: bool = True) -> Shapes:
    found = linear("x_embedder", 3072, channels) | linear("context_embedder", 3072, 4096) | linear("proj_out", 64, 3072)
    found |= linear("time_text_embed.text_embedder.linear_1", 3072, 768)
    found |= linear("time_text_embed.guidance_embedder.linear_1", 3072, 256) if guided else {}
    for number in range(3):
        found |= linear(f"transformer_blocks.{number}.attn.add_k_proj", 3072, 3072) | linear(f"transformer_blocks.{number}.norm1.linear", 18432, 3072)
        found |= linear(f"single_transformer_blocks.{number}.proj_mlp", 12288, 3072)
    return found


def flux2(text: int, wide: int) -> Shapes:
    found: Shapes = {"img_in.weight": (wide, 128), "txt_in.weight": (wide, text), "double_stream_modulation_img.lin.weight": (6 * wide, wide)}
    for number in range(3):
        found |= {f"double_blocks.{number}.img_attn.qkv.weight": (3 * wide, wide), f"single_blocks.{number}.linear1.weight": (9 * wide, wide)}
    return found | {"final_layer.linear.weight": (128, wide)}


def sd3(depth: int = 24, normed: bool = False, twice: bool = False) -> Shapes:
    wide = 64 * depth
    found = conv("x_embedder.proj", wide, 16, 2) | linear("context_embedder", wide, 4096) | linear("y_embedder.mlp.0", wide, 2048)
    for number in range(depth):
        at = f"joint_blocks.{number}.x_block"
        found |= linear(f"{at}.attn.qkv", 3 * wide, wide)
        found |= {f"{at}.attn.ln_q.weight": (64,)} if normed else {}
        found |= linear(f"{at}.attn2.qkv", 3 * wide, wide) if twice and number < 13 else {}
    return found | linear("final_layer.linear", 64, wide)


def qwen_image() -> Shapes:
    found = linear("img_in", 3072, 64) | {"txt_norm.weight": (3584,)} | linear("txt_in", 3072, 3584)
    for number in range(3):
        found |= linear(f"transformer_blocks.{number}.img_mod.1", 18432, 3072) | linear(f"transformer_blocks.{number}.txt_mlp.net.2", 3072, 12288)
    return found


def lumina(wide: int, text: int, pads: bool) -> Shapes:
    found = {"cap_embedder.0.weight": (text,)} | linear("cap_embedder.1", wide, text) | linear("x_embedder", wide, 64)
    for name in ("context_refiner", "noise_refiner", "layers"):
        found |= {f"{name}.{number}.attention.qkv.weight": (3 * wide, wide) for number in range(2)}
    return found | ({"cap_pad_token": (1, wide), "x_pad_token": (1, wide)} if pads else {})


def auraflow() -> Shapes:
    found: Shapes = {"cond_seq_linear.weight": (3072, 2048), "register_tokens": (1, 8, 3072)}
    found |= {f"double_layers.{number}.attn.w1q.weight": (3072, 3072) for number in range(4)}
    return found | {f"single_layers.{number}.attn.w1q.weight": (3072, 3072) for number in range(32)}


def wan(wide: int, channels: int = 16, image: bool = False) -> Shapes:
    found: Shapes = {"patch_embedding.weight": (wide, channels, 1, 2, 2), "head.modulation": (1, 2, wide)} | linear("text_embedding.0", wide, 4096)
    for number in range(3):
        found |= linear(f"blocks.{number}.self_attn.q", wide, wide) | {f"blocks.{number}.self_attn.norm_q.weight": (wide,)}
        found |= linear(f"blocks.{number}.cross_attn.k", wide, wide) | linear(f"blocks.{number}.ffn.0", 4 * wide, wide)
    return found | (linear("img_emb.proj.1", 1280, 1280) if image else {})


def pixart(tokens: int) -> Shapes:
    found: Shapes = {"y_embedder.y_embedding": (tokens, 4096)} | linear("t_block.1", 6912, 1152)
    return found | {f"blocks.{number}.cross_attn.kv_linear.weight": (2304, 1152) for number in range(3)}


def control_ldm(text: int, label: int = 0, depths: tuple[int, ...] = (1, 1, 1, 0)) -> Shapes:
    found = {name: shape for name, shape in ldm_unet(text, 4, label, depths=depths).items() if not name.startswith(("out", "output_blocks"))}
    return found | conv("input_hint_block.0", 16, 3) | conv("zero_convs.0.0", 320, 320, 1) | conv("middle_block_out.0", 1280, 1280, 1)


def control_diffusers(text: int, label: int = 0) -> Shapes:
    found = {name: shape for name, shape in diffusers_unet(text, 4, label).items() if not name.startswith(("up_blocks", "conv_out"))}
    return found | conv("controlnet_cond_embedding.conv_in", 16, 3) | conv("controlnet_down_blocks.0", 320, 320, 1)


def ip_adapter(text: int, form: str, width: int = 320) -> Shapes:
    found: Shapes = {f"ip_adapter.1.to_{part}_ip.weight": (width, text) for part in "kv"}
    forms: dict[str, Shapes] = {
        "": linear("image_proj.proj", 4 * text, 1024),
        "plus": {"image_proj.latents": (1, 16, 768), "image_proj.proj_in.weight": (768, 1280)},
        "full-face": linear("image_proj.proj.0", 1280, 1280),
        "faceid": linear("image_proj.proj.0", 1024, 512) | {"ip_adapter.0.to_q_lora.down.weight": (128, width)},
        "faceid-plus": linear("image_proj.perceiver_resampler.proj_in", 768, 1280) | {"ip_adapter.0.to_q_lora.down.weight": (128, width)},
    }
    return found | forms[form]


def taesd_decoder(channels: int) -> Shapes:
    return conv("1", 64, channels) | {f"{number}.conv.{inner}.weight": (64, 64, 3, 3) for number in (3, 4, 5) for inner in (0, 2, 4)} | conv("19", 3, 64)


def taesd_encoder(channels: int) -> Shapes:
    found = conv("0", 64, 3) | {f"{number}.conv.{inner}.weight": (64, 64, 3, 3) for number in (1, 3, 4) for inner in (0, 2, 4)}
    return found | conv("14", channels, 64)


def wan_vae() -> Shapes:
    found: Shapes = {"conv2.weight": (16, 16, 1, 1, 1), "decoder.conv1.weight": (384, 16, 3, 3, 3), "decoder.middle.0.residual.0.gamma": (384, 1, 1, 1)}
    return found | {"encoder.conv1.weight": (96, 3, 3, 3, 3)}


# Differences


def sd_layers(text: int, depth: int = 1, lower: str = "down_blocks_1_attentions_0", flat: bool = False) -> dict[str, tuple[int, ...]]:
    """Layers of a UNet by the names of trainers, name -> (outputs, inputs); the entrance of a transformer is a convolution in version 1."""
    found: dict[str, tuple[int, ...]] = {f"{lower}_proj_in": (640, 640) if flat else (640, 640, 1, 1)}
    for block in range(depth):
        at = f"{lower}_transformer_blocks_{block}"
        found |= {f"{at}_attn1_to_q": (640, 640), f"{at}_attn2_to_k": (640, text), f"{at}_attn2_to_v": (640, text)}
    return found


def clip_layers(width: int, layers: int = 2) -> dict[str, tuple[int, ...]]:
    return {f"text_model_encoder_layers_{number}_self_attn_{part}_proj": (width, width) for number in range(layers) for part in "qkv"}


def differences(prefix: str, layers: Mapping[str, tuple[int, ...]], form: str) -> Shapes:
    found: Shapes = {}
    for layer, shape in layers.items():
        found |= {f"{prefix}{layer}{part}": sides for part, sides in _parts(form, shape)}
    return found


def _parts(form: str, shape: tuple[int, ...], rank: int = 4) -> Iterator[tuple[str, tuple[int, ...]]]:
    out, into, kernel = shape[0], shape[1], shape[2:]
    if form in ("lora", "dora"):
        yield from ((".lora_down.weight", (rank, into, *kernel)), (".lora_up.weight", (out, rank, *(1 for _ in kernel))), (".alpha", ()))
    if form == "dora":
        yield ".dora_scale", (out, *(1 for _ in shape[1:]))
    if form == "peft":
        yield from ((".lora_A.weight", (rank, into, *kernel)), (".lora_B.weight", (out, rank, *kernel)))
    if form == "old":
        yield from ((".lora.down.weight", (rank, into)), (".lora.up.weight", (out, rank)))
    if form == "loha":
        for number in (1, 2):
            yield from ((f".hada_w{number}_a", (out, rank)), (f".hada_w{number}_b", (rank, into)))
    if form == "lokr":
        yield from ((".lokr_w1", (4, 4)), (".lokr_w2", (out // 4, into // 4)))
    if form == "lokr-apart":
        yield from ((".lokr_w1", (4, 4)), (".lokr_w2_a", (out // 4, rank)), (".lokr_w2_b", (rank, into // 4)))
    if form == "oft":
        yield from ((".oft_blocks", (out // 4, 4, 4)), (".alpha", ()))
    if form == "glora":
        yield from ((".a1.weight", (into, rank)), (".a2.weight", (rank, into)), (".b1.weight", (out, rank)), (".b2.weight", (rank, into)))
    if form == "full":
        yield from ((".diff", (out, into, *kernel)), (".diff_b", (out,)))
    if form == "ia3":
        yield from ((".weight", (out, 1)), (".on_input", ()))
