"""Every kind of file is told by what only its architecture has. What is not certain is unknown: never another thing than it is."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.catalog.header import Entry, Header
from modules.catalog.recognise import recognise
from tests.catalog import architectures as make
from tests.catalog.architectures import BUNDLE, Shapes, differences, header, under

CHECKPOINTS: dict[str, tuple[Callable[[], Shapes], str, str, str]] = {
    "sd1": (make.sd1, "checkpoint", "sd1", ""),
    "sd1 inpainting": (lambda: make.sd1(9), "checkpoint", "sd1-inpainting", "inpainting"),
    "sd1 pix2pix": (lambda: make.sd1(8), "checkpoint", "sd1-pix2pix", "pix2pix"),
    "sd1 velocity": (lambda: make.sd1() | {"v_pred": (0,)}, "checkpoint", "sd1-vpred", "vpred"),
    "sd1 with averages": (lambda: make.sd1() | under("model_ema.", {"diffusion_modelout2weight": (4, 320), "decay": ()}), "checkpoint", "sd1", ""),
    "sd1 unet": (lambda: under(BUNDLE, make.ldm_unet(768)), "unet", "sd1", ""),
    "sd1 unet bare": (lambda: make.ldm_unet(768), "unet", "sd1", ""),
    "sd1 unet wrapped": (lambda: under("module.", make.ldm_unet(768)), "unet", "sd1", ""),
    "sd1 diffusers": (lambda: make.diffusers_unet(768), "unet", "sd1", ""),
    "sd1 diffusers inpainting": (lambda: make.diffusers_unet(768, 9), "unet", "sd1-inpainting", "inpainting"),
    "sd2": (make.sd2, "checkpoint", "sd2", ""),
    "sd2 inpainting": (lambda: make.sd2(9), "checkpoint", "sd2-inpainting", "inpainting"),
    "sd2 depth": (lambda: make.sd2(5) | {"depth_model.model.scratch.layer1_rn.weight": (1,)}, "checkpoint", "sd2-depth", "depth"),
    "unclip diffusers": (
        lambda: make.diffusers_unet(1024, flat=True) | make.linear("class_embedding.linear_1", 1280, 2048),
        "unet",
        "sd2-unclip-h",
        "unclip-h",
    ),
    "sdxl pruned": (lambda: make.diffusers_unet(2048, 4, 2816, (0, 2, 4), True, 0), "unet", "sdxl-pruned", "pruned"),
    "sd1 distilled": (lambda: make.diffusers_unet(768) | {"time_embedding.cond_proj.weight": (320, 256)}, "unet", "sd1", "lcm"),
    "sd2 diffusers": (lambda: make.diffusers_unet(1024, flat=True), "unet", "sd2", ""),
    "unclip h": (lambda: make.unclip(2048), "checkpoint", "sd2-unclip-h", "unclip-h"),
    "unclip l": (lambda: make.unclip(1536), "checkpoint", "sd2-unclip-l", "unclip-l"),
    "upscaling": (make.upscaling, "checkpoint", "sd-x4-upscaler", "x4-upscaler"),
    "sdxl": (make.sdxl, "checkpoint", "sdxl", ""),
    "sdxl inpainting": (lambda: make.sdxl(9), "checkpoint", "sdxl-inpainting", "inpainting"),
    "sdxl pix2pix": (lambda: make.sdxl(8), "checkpoint", "sdxl-pix2pix", "pix2pix"),
    "sdxl velocity": (lambda: make.sdxl() | {"v_pred": (0,), "ztsnr": (0,)}, "checkpoint", "sdxl-vpred", "vpred"),
    "sdxl edm": (lambda: make.sdxl() | {"edm_mean": (4,), "edm_std": (4,)}, "checkpoint", "sdxl-edm", "edm"),
    "sdxl unet": (make.sdxl_unet, "unet", "sdxl", ""),
    "sdxl diffusers": (lambda: make.diffusers_unet(2048, 4, 2816, make.XL, True, 10), "unet", "sdxl", ""),
    "refiner": (make.refiner, "checkpoint", "sdxl-refiner", ""),
    "flux dev": (make.flux, "transformer", "flux-dev", "dev"),
    "flux schnell": (lambda: make.flux(guided=False), "transformer", "flux-schnell", "schnell"),
    "flux fill": (lambda: make.flux(384), "transformer", "flux-fill", "fill"),
    "flux control": (lambda: make.flux(128), "transformer", "flux-control", "control"),
    "flux diffusers": (make.flux_diffusers, "transformer", "flux-dev", "dev"),
    "flux diffusers schnell": (lambda: make.flux_diffusers(guided=False), "transformer", "flux-schnell", "schnell"),
    "flux diffusers fill": (lambda: make.flux_diffusers(384), "transformer", "flux-fill", "fill"),
    "flux bundle": (lambda: under(BUNDLE, make.flux()) | under("vae.", make.ldm_vae(16, False)), "checkpoint", "flux-dev", "dev"),
    "flux2 dev": (lambda: make.flux2(15360, 6144), "transformer", "flux2-dev", "dev"),
    "flux2 klein 4b": (lambda: make.flux2(7680, 3072), "transformer", "flux2-klein-4b", "klein-4b"),
    "flux2 klein 9b": (lambda: make.flux2(12288, 4096), "transformer", "flux2-klein-9b", "klein-9b"),
    "chroma": (lambda: make.flux() | {"distilled_guidance_layer.in_proj.weight": (5120, 64)}, "transformer", "chroma", ""),
    "sd3 medium": (lambda: under(BUNDLE, make.sd3()) | under("first_stage_model.", make.ldm_vae(16, False)), "checkpoint", "sd3", "medium"),
    "sd3.5 medium": (lambda: under(BUNDLE, make.sd3(24, True, True)), "transformer", "sd35-medium", "3.5-medium"),
    "sd3.5 large": (
        lambda: under(BUNDLE, make.sd3(38, True)) | under("text_encoders.clip_l.", make.clip_text(768, 12)),
        "checkpoint",
        "sd35-large",
        "3.5-large",
    ),
    "qwen image": (make.qwen_image, "transformer", "qwen-image", ""),
    "z image": (lambda: make.lumina(3840, 2560, True), "transformer", "z-image", ""),
    "lumina 2": (lambda: make.lumina(2304, 2304, False), "transformer", "lumina2", ""),
    "auraflow": (lambda: under("model.", make.auraflow()), "transformer", "auraflow", ""),
    "wan 1.3b": (lambda: make.wan(1536), "transformer", "wan", "t2v-1.3b"),
    "wan 14b from a picture": (lambda: make.wan(5120, 36, True), "transformer", "wan", "i2v-14b"),
    "pixart alpha": (lambda: make.pixart(120), "transformer", "pixart-alpha", ""),
    "pixart sigma": (lambda: make.pixart(300), "transformer", "pixart-sigma", ""),
}

BESIDE: dict[str, tuple[Callable[[], Shapes], str, str, str]] = {
    "control sd1": (lambda: under("control_model.", make.control_ldm(768)), "controlnet", "sd1", ""),
    "control sd1 bare": (lambda: make.control_ldm(768), "controlnet", "sd1", ""),
    "control sd1 with all": (lambda: under("control_model.", make.control_ldm(768)) | make.sd1(), "controlnet", "sd1", ""),
    "control sd2": (lambda: under("control_model.", make.control_ldm(1024)), "controlnet", "sd2", ""),
    "control sdxl": (lambda: make.control_diffusers(2048, 2816), "controlnet", "sdxl", ""),
    "control sd1 diffusers": (lambda: make.control_diffusers(768), "controlnet", "sd1", ""),
    "union": (lambda: make.control_diffusers(2048, 2816) | {"task_embedding": (8, 320)}, "controlnet-union", "sdxl", ""),
    "control lora": (
        lambda: {"lora_controlnet": (), "input_hint_block.0.weight": (16, 3, 3, 3), "input_blocks.4.1.transformer_blocks.0.attn2.to_k.down": (256, 2048)},
        "control-lora",
        "sdxl",
        "",
    ),
    "lllite": (
        lambda: {f"lllite_unet_input_blocks_4_1_transformer_blocks_{n}_attn1_to_q.down.0.weight": (64, 640) for n in range(2)},
        "controlnet-lllite",
        "sdxl",
        "",
    ),
    "t2i sd1": (lambda: {"conv_in.weight": (320, 64, 3, 3), "body.0.block1.weight": (1,), "body.1.block2.weight": (1,)}, "t2i-adapter", "sd1", ""),
    "t2i sdxl": (lambda: {"adapter.conv_in.weight": (320, 768, 3, 3), "adapter.body.0.resnets.0.block1.weight": (1,)}, "t2i-adapter", "sdxl", ""),
    "ip sd1": (lambda: make.ip_adapter(768, ""), "ip-adapter", "sd1", ""),
    "ip plus sdxl": (lambda: make.ip_adapter(2048, "plus", 640), "ip-adapter", "sdxl", "plus"),
    "ip full face": (lambda: make.ip_adapter(768, "full-face"), "ip-adapter", "sd1", "full-face"),
    "ip faceid": (lambda: make.ip_adapter(768, "faceid"), "ip-adapter", "sd1", "faceid"),
    "ip faceid plus": (lambda: make.ip_adapter(2048, "faceid-plus", 640), "ip-adapter", "sdxl", "faceid-plus"),
    "ip flux": (lambda: make.ip_adapter(4096, "full-face", 3072), "ip-adapter", "flux", "full-face"),
    "motion": (lambda: {"down_blocks.3.motion_modules.0.temporal_transformer.proj_in.weight": (1280, 1280)}, "motion-module", "sd1", ""),
    "hypernetwork": (lambda: {f"{width}.{n}.linear.0.weight": (2 * width, width) for width in (320, 768) for n in (0, 1)}, "hypernetwork", "sd1", ""),
    "inversion": (lambda: {"emb_params": (8, 768)}, "embedding", "sd1", ""),
    "inversion sd2": (lambda: {"<cat>": (1, 1024)}, "embedding", "sd2", ""),
    "inversion flat": (lambda: {"<cat>": (768,)}, "embedding", "sd1", ""),
    "inversion sdxl": (lambda: {"clip_l": (4, 768), "clip_g": (4, 1280)}, "embedding", "sdxl", ""),
    "inversion sd3": (lambda: {"clip_l": (4, 768), "clip_g": (4, 1280), "t5xxl": (4, 4096)}, "embedding", "sd3", ""),
    "inversion of pickles": (lambda: {"string_to_param.*": (3, 768)}, "embedding", "sd1", ""),
    "clip l": (lambda: make.clip_text(768, 12), "text-encoder", "clip-l", ""),
    "clip g": (lambda: make.clip_text(1280, 32), "text-encoder", "clip-g", ""),
    "clip without a level": (lambda: make.clip_text(768, 12, ""), "text-encoder", "clip-l", ""),
    "t5": (lambda: make.t5(4096), "text-encoder", "t5-xxl", ""),
    "umt5": (lambda: make.t5(4096, 256384, True), "text-encoder", "umt5-xxl", ""),
    "pile t5": (lambda: make.t5(2048, 32128, True), "text-encoder", "pile-t5-xl", ""),
    "qwen3": (lambda: make.language(2560, 151936, norms=True), "text-encoder", "qwen3-4b", ""),
    "qwen2.5 vl": (lambda: make.language(3584, 152064, bias=True, see=True), "text-encoder", "qwen2.5-vl-7b", ""),
    "gemma2": (lambda: make.language(2304, 256000, gemma=True), "text-encoder", "gemma2-2b", ""),
    "llama3": (lambda: make.language(4096, 128256), "text-encoder", "llama3-8b", ""),
    "vision h": (lambda: make.vision(1280, 32), "clip-vision", "clip-vision-h", ""),
    "vision g": (lambda: make.vision(1664, 48), "clip-vision", "clip-vision-g", ""),
    "vision l": (lambda: make.vision(1024, 24), "clip-vision", "clip-vision-l", ""),
    "vae": (make.ldm_vae, "vae", "sd1/sdxl", ""),
    "vae with its prefix": (lambda: under("first_stage_model.", make.ldm_vae()), "vae", "sd1/sdxl", ""),
    "vae diffusers": (make.diffusers_vae, "vae", "sd1/sdxl", ""),
    "vae 16": (lambda: make.ldm_vae(16, False), "vae", "sd3/flux", ""),
    "vae 32": (lambda: make.ldm_vae(32), "vae", "flux2", ""),
    "vae video diffusers": (
        lambda: make.diffusers_vae(16) | {"decoder.mid_block.resnets.0.norm1.gamma": (384, 1, 1, 1)},
        "vae",
        "wan/qwen-image",
        "",
    ),
    "siglip": (
        lambda: {
            "embeddings.patch_embedding.weight": (1152, 3, 14, 14),
            "encoder.layers.26.self_attn.q_proj.weight": (1152, 1152),
            "head.attention.in_proj_weight": (3456, 1152),
        },
        "clip-vision",
        "siglip-so400m",
        "",
    ),
    "motion diffusers": (lambda: {"down_blocks.3.motion_modules.0.transformer_blocks.0.norm1.weight": (1280,)}, "motion-module", "sd1", ""),
    "vae video": (make.wan_vae, "vae", "wan/qwen-image", ""),
    "taesd": (lambda: make.taesd_decoder(4), "vae-approx", "sd1/sdxl", ""),
    "taesd encoder": (lambda: make.taesd_encoder(16), "vae-approx", "sd3/flux", ""),
}

UNET, TEXT = "lora_unet_", "lora_te_"
ALL_PARTS = ("attn1_to_q", "ff_net_0_proj")


def both(form: str) -> Shapes:
    return differences(UNET, make.sd_layers(768), form) | differences(TEXT, make.clip_layers(768), form)


def few_steps() -> Shapes:
    at = "down_blocks_0_"
    layers: dict[str, tuple[int, ...]] = {f"{at}attentions_0_transformer_blocks_0_{part}": (320, 320) for part in ("attn1_to_q", "attn2_to_q", "ff_net_0_proj")}
    layers |= {f"{at}attentions_0_transformer_blocks_0_attn2_to_k": (320, 768), f"{at}resnets_0_time_emb_proj": (320, 1280)}
    layers |= {f"{at}{part}": (320, 320, 3, 3) for part in ("resnets_0_conv1", "downsamplers_0_conv", "resnets_0_conv_shortcut")}
    return differences(UNET, layers | {"up_blocks_0_upsamplers_0_conv": (320, 320, 3, 3)}, "lora")


def peft(prefix: str, layers: dict[str, tuple[int, ...]]) -> Shapes:
    return differences(prefix, layers, "peft")


FLUX: dict[str, tuple[int, ...]] = {
    "double_blocks.0.img_attn.qkv": (9216, 3072),
    "double_blocks.0.img_mlp.0": (12288, 3072),
    "single_blocks.0.linear1": (21504, 3072),
}
FLUX_DIFFUSERS: dict[str, tuple[int, ...]] = {"single_transformer_blocks.0.attn.to_q": (3072, 3072), "transformer_blocks.0.attn.to_q": (3072, 3072)}

LORAS: dict[str, tuple[Callable[[], Shapes], str, str]] = {
    "kohya sd1": (lambda: both("lora"), "lora", "sd1"),
    "kohya sd1 text alone": (lambda: differences(TEXT, make.clip_layers(768), "lora"), "lora", "sd1"),
    "kohya sd2": (lambda: differences(UNET, make.sd_layers(1024, flat=True), "lora"), "lora", "sd2"),
    "kohya sdxl": (lambda: differences(UNET, make.sd_layers(2048, 2, "input_blocks_4_1", True), "lora"), "lora", "sdxl"),
    "kohya sdxl text alone": (
        lambda: differences("lora_te1_", make.clip_layers(768), "lora") | differences("lora_te2_", make.clip_layers(1280), "lora"),
        "lora",
        "sdxl",
    ),
    "locon": (lambda: both("lora") | differences(UNET, {"down_blocks_0_resnets_0_conv1": (320, 320, 3, 3)}, "lora"), "locon", "sd1"),
    "few steps": (few_steps, "lora-lcm", "sd1"),
    "dora": (lambda: both("dora"), "dora", "sd1"),
    "loha": (lambda: both("loha"), "loha", "sd1"),
    "lokr": (lambda: both("lokr"), "lokr", "sd1"),
    "lokr apart": (lambda: both("lokr-apart"), "lokr", "sd1"),
    "oft": (lambda: both("oft"), "oft", "sd1"),
    "glora": (lambda: both("glora"), "glora", "sd1"),
    "full": (lambda: both("full"), "full", "sd1"),
    "ia3": (lambda: differences(TEXT, make.clip_layers(768), "ia3"), "ia3", ""),
    "peft sdxl": (lambda: peft("unet.", {"down_blocks.2.attentions.0.transformer_blocks.3.attn2.to_k": (1280, 2048)}), "lora", "sdxl"),
    "old diffusers": (lambda: differences("unet.", {"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k": (320, 768)}, "old"), "lora", "sd1"),
    "flux ai-toolkit": (lambda: peft("diffusion_model.", FLUX), "lora", "flux"),
    "flux kohya": (lambda: differences(UNET, {name.replace(".", "_"): shape for name, shape in FLUX.items()}, "lora"), "lora", "flux"),
    "flux diffusers": (lambda: peft("transformer.", FLUX_DIFFUSERS), "lora", "flux"),
    "flux control": (lambda: peft("", FLUX | {"img_in": (3072, 128)}), "control-lora", "flux"),
    "flux2": (lambda: peft("diffusion_model.", {"double_blocks.0.img_mlp.0": (18432, 3072)}), "lora", "flux2"),
    "sd3": (lambda: peft("transformer.", {"transformer_blocks.0.attn.to_q": (1536, 1536)}), "lora", "sd3"),
    "sd3.5 large kohya": (lambda: differences(UNET, {"joint_blocks_0_x_block_attn_qkv": (7296, 2432)}, "lora"), "lora", "sd35-large"),
    "qwen image": (lambda: peft("transformer.", {"transformer_blocks.40.attn.to_q": (3072, 3072)}), "lora", "qwen-image"),
    "z image": (lambda: peft("diffusion_model.", {"layers.3.attention.to_q": (3840, 3840)}), "lora", "z-image"),
    "wan": (lambda: peft("diffusion_model.", {"blocks.0.self_attn.q": (5120, 5120), "blocks.0.ffn.0": (13824, 5120)}), "lora", "wan"),
    "one that looks like Stable Diffusion 3": (lambda: peft("transformer.", {"transformer_blocks.0.attn1.add_q_proj": (1536, 1536)}), "lora", ""),
    "one that looks like LTX": (lambda: peft("transformer.", {"transformer_blocks.0.attn1.to_q": (4096, 4096)}), "lora", ""),
    "narrow": (lambda: differences(UNET, make.sd_layers(24), "lora"), "lora", ""),
}

EVERY = {**CHECKPOINTS, **BESIDE, **{name: (build, kind, word, "") for name, (build, kind, word) in LORAS.items()}}


@pytest.mark.parametrize("name", [*CHECKPOINTS, *BESIDE])
def test_what_a_file_is(name: str) -> None:
    build, kind, word, variant = EVERY[name]
    found = recognise(header(build()))
    assert (found.kind, found.architecture, found.variant) == (kind, word, variant)


@pytest.mark.parametrize("name", LORAS)
def test_what_a_difference_is_and_is_for(name: str) -> None:
    build, kind, word = LORAS[name]
    found = recognise(header(build()))
    assert (found.kind, found.architecture) == (kind, word)


def test_which_parts_a_checkpoint_lacks() -> None:
    whole = make.sd1()
    assert recognise(header(whole)).missing == ()
    assert recognise(header({name: shape for name, shape in whole.items() if not name.startswith("first_stage")})).missing == ("VAE",)
    assert recognise(header(make.ldm_unet(768))).missing == ("text encoder", "VAE")


def test_a_name_decides_between_two_architectures_of_one_header() -> None:
    vae = header(make.ldm_vae())
    assert [recognise(vae, stem).architecture for stem in ("sdxl_vae", "vae-ft-mse-840000", "my")] == ["sdxl", "sd1", "sd1/sdxl"]
    assert [recognise(header(make.ldm_vae(16, False)), stem).architecture for stem in ("ae", "sd3_vae")] == ["flux", "sd3"]
    assert recognise(header(make.ldm_vae(16, False)), "sdxl_vae").architecture == "sd3/flux"


def test_metadata_count_where_shapes_say_nothing() -> None:
    layers = differences(UNET, {"mid_block_attentions_0_proj_in": (1280, 1280)}, "oft")
    assert recognise(header(layers)).architecture == ""
    assert recognise(header(layers, {"ss_base_model_version": "sd_v2_v"})).architecture == "sd2"
    assert recognise(header(layers, {"modelspec.architecture": "stable-diffusion-v1/lora"})).architecture == "sd1"


def test_shapes_count_more_than_metadata() -> None:
    assert recognise(header(both("lora"), {"ss_base_model_version": "sdxl_base_v1-0"})).architecture == "sd1"


UNKNOWN: dict[str, Callable[[], Shapes]] = {
    "nothing": dict,
    "something": lambda: {"something.else.weight": (1,), "another.weight": (3, 4)},
    "six channels": lambda: make.sd1(6),
    "marigold": lambda: make.diffusers_unet(1024, 8, flat=True),
    "no entrance": lambda: {name: shape for name, shape in make.sd1().items() if "input_blocks.0.0" not in name},
    "sdxl without its label": lambda: {name: shape for name, shape in make.sdxl().items() if "label_emb" not in name},
    "two families in one": lambda: {**make.sd1(), f"{BUNDLE}label_emb.0.0.weight": (1280, 2816)},
    "a piece of a checkpoint": lambda: make.sd1() | under("strange.", make.flux()),
    "packed for another program": lambda: {f"transformer_blocks.{n}.mlp_fc1.qproj.qweight": (1,) for n in range(3)},
    "one tensor": lambda: {"conv.weight": (768, 768)},
    "lumina of another width": lambda: make.lumina(4096, 2048, False),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_certain_is_unknown_and_says_what_was_seen(name: str) -> None:
    found = recognise(header(UNKNOWN[name]()))
    assert found.kind == "unknown" and found.seen


def test_weights_of_four_bits() -> None:
    """bitsandbytes keeps them flat: the shape is told by the bias, or by what an attention puts out."""
    tensors: dict[str, Entry] = {}
    for name, shape in make.flux(384).items():
        if name.endswith(".weight"):
            count = shape[0] * shape[1]
            tensors |= {name: Entry("U8", (count // 2, 1)), f"{name}.absmax": Entry("F32", (count // 64,))}
        else:
            tensors[name] = Entry("BF16", shape)
    assert recognise(Header(tensors)).architecture == "flux-fill"


ALONE = [
    "guidance",
    "distilled_",
    "v_pred",
    "edm_",
    "relative_attention_bias",
    "img_emb",
    "visual",
    "task_embedding",
    "clip_",
    "t5xxl",
    "depth_model",
    "ln_q",
    "attn2",
    "image_proj",
    "lora_controlnet",
    "dora_scale",
    "conv",
    "samplers",
    "img_in",
    "txt_in",
    "q_norm",
    "ff_net",
    "time_emb",
    "attn1_to_q",
    "first_stage",
    "cond_stage",
    "conditioner",
    "vae.",
    "text_encoders",
    "label_emb",
    "add_embedding",
    "class_embedding",
    "cond_proj",
    "gamma",
]
"""Pieces of names that alone tell a file from another that there is: without them it would truly be the other."""


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(EVERY)),
    seed=st.integers(0, 2**32),
    share=st.sampled_from((0.0, 0.05, 0.3)),
    prefix=st.sampled_from(("", "module.", "model.", "x.")),
)
def test_a_file_that_was_bent_is_itself_or_unknown(name: str, seed: int, share: float, prefix: str) -> None:
    """In another order, in another type, with tensors lost, or with something before every name."""
    build, kind, word, _ = EVERY[name]
    random_ = random.Random(seed)
    rows = [(f"{prefix}{key}", shape) for key, shape in build().items() if random_.random() >= share or any(piece in key for piece in ALONE)]
    random_.shuffle(rows)
    found = recognise(header(dict(rows), dtype=random_.choice(("F32", "BF16", "F8_E4M3", "Q4_0"))))
    if found.kind == "unknown" or not found.architecture:
        return
    assert found.kind == kind
    assert set(word.split("/")) & set(found.architecture.split("/"))


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text("abc._0lora_upmodel", max_size=40) | st.sampled_from(sorted(make.sd1())[:40]) | st.sampled_from(sorted(both("lokr"))),
        st.tuples(st.sampled_from(("F16", "U8", "Q4_K")), st.lists(st.integers(0, 2**40), max_size=5).map(tuple)),
        max_size=30,
    )
)
def test_no_header_does_harm(rows: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    assert recognise(Header({name: Entry(*row) for name, row in rows.items()}, {"modelspec.architecture": "\0", "ss_base_model_version": "x" * 10_000})).kind
