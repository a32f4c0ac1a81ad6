"""SDXL, base and refiner: folder and single file are the same networks, the conditioning follows A1111's rules, and a picture is that of diffusers' own pipeline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from torch import Tensor

from modules.catalog import cards
from modules.core.groups.passes import Framing
from modules.core.groups.sampling import Text
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Cond, Model, NetworkCall, Setting
from modules.networks.ldm_sizes import CONFIGS
from tests.networks import tiny, tiny_xl

YAML = "model: {params: {scale_factor: 0.5}}"
PIPELINES = {"sdxl": "StableDiffusionXLPipeline", "sdxl-refiner": "StableDiffusionXLImg2ImgPipeline"}


@pytest.fixture(scope="module", params=["sdxl", "sdxl-refiner"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, tiny_xl.Networks, Path, Path]:
    place = tmp_path_factory.mktemp("xl")
    networks = tiny_xl.base() if request.param == "sdxl" else tiny_xl.refiner()
    tensors = tiny_xl.ldm_tensors(networks, big="conditioner.embedders.1.model." if request.param == "sdxl" else "conditioner.embedders.0.model.")
    single = tiny.save_single(place / "single.safetensors", tensors, YAML)
    return request.param, networks, tiny_xl.save_folder(place / "folder", networks, PIPELINES[request.param]), single


@pytest.fixture(scope="module")
def model(made: tuple[str, tiny_xl.Networks, Path, Path]) -> Model:
    return FAMILIES_BY_NAME[made[0]].load(cards.checkpoint(made[3]), "cpu", torch.float32)


def conds(model: Model, *texts: str, setting: Setting | None = None, embeddings: dict[str, Tensor] | None = None, **text: object) -> list[Cond]:
    return FAMILIES_BY_NAME[model.record.name].encode(model, texts, replace(Text(), **text), embeddings or {}, setting or Setting(64, 96))  # type: ignore[arg-type]


def state(model: Model) -> dict[str, Tensor]:
    networks = {name: part for name, part in model.parts.items() if isinstance(part, torch.nn.Module)}
    return {f"{part}.{name}": tensor for part, network in networks.items() for name, tensor in network.state_dict().items()}


def test_folder_and_single_file_are_equal_to_the_bit(made: tuple[str, tiny_xl.Networks, Path, Path], model: Model) -> None:
    family, networks, folder, _ = made
    other = FAMILIES_BY_NAME[family].load(cards.checkpoint(folder), "cpu", torch.float32)
    ours, theirs = state(model), state(other)
    assert set(ours) == set(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert all(torch.equal(tensor, ours[f"unet.{name}"]) for name, tensor in networks["unet"].state_dict().items())
    for one, two in ((conds(model, "a pear")[0], conds(other, "a pear")[0]),):
        assert torch.equal(one.context, two.context) and torch.equal(one.extra["text_embeds"], two.extra["text_embeds"])


def test_a_plain_text_is_the_penultimate_layers_side_by_side_and_the_pooled_text(model: Model) -> None:
    (cond,) = conds(model, "a red pear")
    found = []
    for part in ("text_encoder", "text_encoder_2"):
        if part in model.parts:
            vocabulary = model.parts[part.replace("text_encoder", "vocabulary")]
            words = vocabulary.encode("a red pear")
            assert vocabulary.pad == (0 if part == "text_encoder_2" else vocabulary.eos)
            tokens = torch.tensor([[vocabulary.bos, *words, vocabulary.eos, *[vocabulary.pad] * (75 - len(words))]])
            found.append(model.parts[part](tokens, output_hidden_states=True))
    assert torch.equal(cond.context, torch.cat([out.hidden_states[-2][0] for out in found], -1))
    assert torch.equal(cond.extra["text_embeds"], found[-1].text_embeds[0])


def test_weights_move_the_context_but_not_the_pooled_text(model: Model) -> None:
    plain = conds(model, "a red pear")[0]
    for mode in ("Original", "No norm", "compel"):
        weighted = conds(model, "a (red:1.5) pear", emphasis=mode)[0]
        assert not torch.allclose(weighted.context, plain.context, atol=1e-4)
        assert torch.equal(weighted.extra["text_embeds"], plain.extra["text_embeds"])
    brackets = conds(model, "a (red:1.5) pear", emphasis="None")[0]
    assert not torch.allclose(brackets.extra["text_embeds"], plain.extra["text_embeds"], atol=1e-4)


def test_its_autoencoder_stays_out_of_fp16(made: tuple[str, tiny_xl.Networks, Path, Path]) -> None:
    """It overflows there."""
    model = FAMILIES_BY_NAME[made[0]].load(cards.checkpoint(made[3]), "cpu", torch.float16, torch.float16)
    assert (model.dtype, model.vae_dtype) == (torch.float16, torch.float32)
    assert {tensor.dtype for tensor in model.parts["vae"].parameters()} == {torch.float32}


def test_clip_skip_does_not_act(model: Model) -> None:
    one, two = conds(model, "a pear")[0], conds(model, "a pear", clip_skip=2)[0]
    assert torch.equal(one.context, two.context)


def test_what_the_network_is_told(model: Model) -> None:
    setting = Setting(64, 96, framing=Framing(top=8, left=16, high=7.0, low=1.5))
    told = conds(model, "a pear", setting=setting)[0].extra["time_ids"].tolist()
    against = conds(model, "a pear", setting=replace(setting, negative=True))[0].extra["time_ids"].tolist()
    if model.record.name == "sdxl":
        assert told == against == [96, 64, 8, 16, 96, 64]
    else:
        assert (told, against) == ([96, 64, 8, 16, 7.0], [96, 64, 8, 16, 1.5])


def test_an_empty_negative_prompt_is_zeros(model: Model) -> None:
    negative = Setting(64, 64, negative=True)
    (zero,) = conds(model, "", setting=negative)
    assert not zero.context.any() and not zero.extra["text_embeds"].any()
    assert conds(model, "")[0].context.any() and conds(model, "blurry", setting=negative)[0].context.any()
    assert conds(model, "", "blurry", setting=negative)[0].context.any()  # of a schedule only all of it


def test_long_texts_are_pooled_by_their_first_chunk(model: Model) -> None:
    found = conds(model, "pear, " * 60, "apple")
    assert [len(cond.context) for cond in found] == [154, 154]
    assert torch.equal(found[0].extra["text_embeds"], conds(model, "pear, " * 70)[0].extra["text_embeds"])


def test_textual_inversions_of_both_encoders(model: Model) -> None:
    width = sum(model.parts[part].config.hidden_size for part in ("text_encoder", "text_encoder_2") if part in model.parts)
    plain = conds(model, "a sketchy pear")[0]
    changed = conds(model, "a sketchy pear", embeddings={"sketchy": torch.ones(2, width)})[0]
    assert not torch.allclose(changed.context, plain.context, atol=1e-3)
    assert not torch.allclose(changed.extra["text_embeds"], plain.extra["text_embeds"], atol=1e-3)
    assert torch.equal(conds(model, "a sketchy pear", embeddings={"sketchy": torch.ones(2, 768)})[0].context, plain.context)


def test_a_picture_is_that_of_diffusers_own_pipeline(made: tuple[str, tiny_xl.Networks, Path, Path], model: Model) -> None:
    """The same conditionings, noise and Euler steps. The largest difference of the latents is below 1e-5 of their deviation."""
    family, networks, _, _ = made
    positive, negative = conds(model, "a pear", setting=Setting(64, 64))[0], conds(model, "blurry", setting=Setting(64, 64, negative=True))[0]
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace")
    given = {
        "prompt_embeds": positive.context[None],
        "negative_prompt_embeds": negative.context[None],
        "pooled_prompt_embeds": positive.extra["text_embeds"][None],
        "negative_pooled_prompt_embeds": negative.extra["text_embeds"][None],
        "num_inference_steps": 4,
        "guidance_scale": 5.0,
        "output_type": "latent",
    }
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    if family == "sdxl":
        pipeline = StableDiffusionXLPipeline(**networks, tokenizer=None, tokenizer_2=None, scheduler=scheduler, add_watermarker=False)
        expected = pipeline(**given, height=64, width=64, latents=noise).images
    else:
        pipeline = StableDiffusionXLImg2ImgPipeline(
            **networks, text_encoder=None, tokenizer=None, tokenizer_2=None, scheduler=scheduler, requires_aesthetics_score=True, add_watermarker=False
        )
        start, seeded = torch.zeros(1, 4, 8, 8), torch.Generator().manual_seed(1)  # draws the same noise
        expected = pipeline(**given, image=start, strength=1.0, generator=seeded, original_size=(64, 64), target_size=(64, 64)).images
    scheduler.set_timesteps(4)
    x = noise * scheduler.init_noise_sigma
    both = {key: torch.stack([negative.extra[key], positive.extra[key]]) for key in positive.extra}
    with torch.inference_mode():
        for time in scheduler.timesteps:
            rows = torch.cat([scheduler.scale_model_input(x, time)] * 2)
            call = NetworkCall(rows, time.expand(2), torch.stack([negative.context, positive.context]), both)
            low, high = FAMILIES_BY_NAME[family].predict(model, call).chunk(2)
            x = scheduler.step(low + 5.0 * (high - low), time, x).prev_sample
    assert float((x - expected).abs().max()) < 1e-5 * float(expected.std())


@pytest.mark.parametrize(("family", "told"), [("sdxl", 6), ("sdxl-refiner", 5)])
def test_the_bundled_configs_are_of_one_piece(family: str, told: int) -> None:
    unet = json.loads((CONFIGS / family / "unet" / "config.json").read_text())
    encoders = [json.loads(path.read_text()) for path in sorted((CONFIGS / family).glob("text_encoder*/config.json"))]
    assert unet["cross_attention_dim"] == sum(one["hidden_size"] for one in encoders)
    assert unet["projection_class_embeddings_input_dim"] == encoders[-1]["projection_dim"] + told * unet["addition_time_embed_dim"]
    assert [width // 64 for width in unet["block_out_channels"]] == unet["attention_head_dim"]


@pytest.mark.parametrize("kept", [torch.bfloat16, torch.float8_e4m3fn], ids=str)
def test_weights_kept_in_fewer_bits_are_read(tmp_path: Path, kept: torch.dtype) -> None:
    tensors = {name: tensor.to(kept) for name, tensor in tiny_xl.ldm_tensors(tiny_xl.refiner(), big="conditioner.embedders.0.model.").items()}
    card = cards.checkpoint(tiny.save_single(tmp_path / "x.safetensors", tensors, YAML))
    assert card.precision == {torch.bfloat16: "bf16", torch.float8_e4m3fn: "fp8"}[kept] and not card.trouble
    model = FAMILIES_BY_NAME["sdxl-refiner"].load(card, "cpu", torch.float32)
    assert torch.equal(model.parts["unet"].state_dict()["conv_in.weight"], tensors["model.diffusion_model.input_blocks.0.0.weight"].float())
    fused = tensors["conditioner.embedders.0.model.transformer.resblocks.0.attn.in_proj_bias"].float()
    assert torch.equal(state(model)["text_encoder_2.text_model.encoder.layers.0.self_attn.v_proj.bias"], fused[-tiny_xl.BIG :])
    assert conds(model, "a pear")[0].context.isfinite().all()
