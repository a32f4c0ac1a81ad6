"""IP-Adapters: wired as in diffusers' own pipeline, to 1e-5; several, from one step to another, for style or composition; and gone without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPImageProcessor

from modules.core.control import ControlUnit
from modules.core.errors import NotFound, Unsupported
from modules.core.groups.passes import Hires
from modules.core.result import Cancel
from modules.engine.features.image_prompt import share
from modules.engine.generate import Engine
from modules.networks import clip_vision, ip_adapter
from modules.networks.ip_attention import cross_attentions
from modules.sampling.scheduler import SamplerScheduler
from tests.engine import control_studio as studio
from tests.networks import tiny, tiny_control

KINDS = ("plain", "plus", "full")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("prompts")
    unet = studio.checkpoint(data)
    for seed, kind in enumerate(KINDS):
        tiny_control.save(data / "models" / "ControlNet" / f"{kind}.safetensors", tiny_control.ip_adapter(unet, kind, seed=seed))
    tiny_control.save_ldm(data / "models" / "ControlNet" / "edges.safetensors", tiny_control.controlnet(unet))
    tiny_control.save_image_encoder(data / "models" / "clip_vision" / "clip.safetensors")
    return studio.engine(data)


def unit(engine: Engine, model: str, seed: int = 0, **values: Any) -> ControlUnit:
    return ControlUnit(model=model, image=studio.kept(engine, studio.picture(seed, (80, 64))), module="ip-adapter-auto", **values)


def drawn(engine: Engine, kinds: list[str], seeds: list[int], scale: Any) -> Tensor:
    """Latents from diffusers' pipeline, on a UNet of its own: loading an adapter changes it."""
    parts = studio.parts(engine) | {"unet": tiny.parts()[0]}
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    scheduler: Any = SamplerScheduler(sampler="Euler")
    pipe = StableDiffusionPipeline(
        **parts,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=processor,
        image_encoder=tiny_control.image_encoder(),
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    folder = engine.shelf.named("ip-adapter", kinds[0]).path.parent
    states = []
    for kind in kinds:
        tensors = {name: tensor.float() for name, tensor in load_file(folder / f"{kind}.safetensors").items()}
        groups = ("image_proj", "ip_adapter")
        states.append({group: {name[len(group) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(group)} for group in groups})
    pipe.unet._load_ip_adapter_weights(states)
    pipe.set_ip_adapter_scale(scale)
    images = [studio.picture(seed, (80, 64)) for seed in seeds]
    generator = torch.Generator().manual_seed(3)
    return pipe(
        ip_adapter_image=images, num_inference_steps=studio.STEPS, guidance_scale=7.0, generator=generator, output_type="latent", height=64, width=64,
        **studio.texts(engine, studio.wish()),
    ).images  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_wired_as_in_diffusers(engine: Engine, kind: str) -> None:
    found = studio.latents(engine, studio.wish(unit(engine, kind, weight=0.7)))
    assert studio.near(found, drawn(engine, [kind], [0], 0.7))
    assert not studio.near(found, studio.latents(engine, studio.wish()))


def test_several_at_once_are_wired_as_in_diffusers(engine: Engine) -> None:
    found = studio.latents(engine, studio.wish(unit(engine, "plain", weight=0.7), unit(engine, "plus", 1, weight=1.2)))
    assert studio.near(found, drawn(engine, ["plain", "plus"], [0, 1], [0.7, 1.2]))


def test_style_alone_is_wired_as_in_diffusers(engine: Engine) -> None:
    """The tiny model has attention in its first level down, its last level up and its middle."""
    found = studio.latents(engine, studio.wish(unit(engine, "plain", injection="Style only")))
    assert studio.near(found, drawn(engine, ["plain"], [0], {"up": {"block_1": [1.0, 1.0]}}))
    other = studio.latents(engine, studio.wish(unit(engine, "plain", injection="Composition only")))
    assert studio.near(other, drawn(engine, ["plain"], [0], {"down": {"block_0": [1.0]}, "mid": 1.0}))


SD1 = [f"{block}.attentions.{layer}.transformer_blocks.0.attn2" for block in ("down_blocks.0", "down_blocks.1", "down_blocks.2") for layer in (0, 1)]
SD1 += [f"up_blocks.{block}.attentions.{layer}.transformer_blocks.0.attn2" for block in (1, 2, 3) for layer in (0, 1, 2)]
SD1 += ["mid_block.attentions.0.transformer_blocks.0.attn2"]
SDXL = [
    f"{block}.attentions.{layer}.transformer_blocks.0.attn2" for block in ("down_blocks.1", "down_blocks.2", "up_blocks.0", "up_blocks.1") for layer in (0, 1)
]


def test_which_layers_carry_style_and_composition() -> None:
    def chosen(names: list[str], injection: Any, **config: Any) -> set[str]:
        return {name.partition(".transformer")[0] for name in names if share(name, injection, names, config)}

    assert chosen(SD1, "Style only") == {f"up_blocks.1.attentions.{layer}" for layer in range(3)}
    assert chosen(SD1, "Composition only") == {"down_blocks.2.attentions.0", "down_blocks.2.attentions.1", "mid_block.attentions.0"}
    assert chosen(SDXL, "Style only", addition_embed_type="text_time") == {"up_blocks.0.attentions.1"}
    assert chosen(SDXL, "Composition only", addition_embed_type="text_time") == {"down_blocks.2.attentions.1"}
    assert len(chosen(SD1, "Whole picture")) == len(SD1)


def test_it_acts_within_its_steps_and_beside_a_controlnet(engine: Engine) -> None:
    plain = studio.latents(engine, studio.wish())
    found = [studio.latents(engine, studio.wish(unit(engine, "plain", start=start, end=end))) for start, end in ((0, 1), (0.5, 1), (0, 0.5), (0.99, 1))]
    assert torch.equal(found[3], plain)
    assert len({tuple(one.flatten()[:8].tolist()) for one in [*found[:3], plain]}) == 4
    both = studio.latents(engine, studio.wish(unit(engine, "plain"), ControlUnit(model="edges", image=studio.kept(engine, studio.picture(2)))))
    assert not torch.equal(both, found[0]) and both.isfinite().all()


def test_it_leaves_no_trace(engine: Engine) -> None:
    unet = studio.parts(engine)["unet"]
    before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    processors = dict(unet.attn_processors)
    plain = studio.latents(engine, studio.wish())
    studio.latents(engine, studio.wish(unit(engine, "plain"), unit(engine, "full", 1)))
    assert unet.attn_processors == processors and all(unet.attn_processors[name] is processors[name] for name in processors)
    after = unet.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
    assert torch.equal(studio.latents(engine, studio.wish()), plain)


def test_in_one_pass_of_two(engine: Engine) -> None:
    def run(*units: ControlUnit) -> bytes:
        request = studio.wish(*units, steps=2, hires=Hires(enabled=True, scale=1.5, steps=2))
        return engine.run(request, lambda event: None, lambda: Cancel.NONE, save=False).pictures[0].data

    assert len({run(), *(run(unit(engine, "plain", hires=which)) for which in ("Both", "Low res only", "High res only"))}) == 4


def test_the_encoder_is_chosen_by_what_fits_and_recorded(engine: Engine, tmp_path: Path) -> None:
    result = engine.run(studio.wish(unit(engine, "plain"), steps=1), lambda event: None, lambda: Cancel.NONE, save=False)
    (made,) = result.request.control
    assert made.encoder == "clip" and len(made.encoder_hash) == 64 and len(made.model_hash) == 64
    tiny.save_single(tmp_path / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    tiny_control.save(tmp_path / "models" / "ControlNet" / "plain.safetensors", tiny_control.ip_adapter(tiny.parts()[0]))
    alone = studio.engine(tmp_path)
    with pytest.raises(NotFound, match="image encoder") as refused:
        alone.run(studio.wish(unit(alone, "plain")), lambda event: None, lambda: Cancel.NONE, save=False)
    assert "models/clip_vision" in refused.value.remedy


def test_another_encoder_is_refused(engine: Engine) -> None:
    """Of a named one the header is not asked."""
    other = tiny_control.image_encoder(projection=40)
    folder = engine.shelf.named("clip-vision", "clip").path.parent
    tiny_control.save(folder / "other.safetensors", {name: tensor.contiguous() for name, tensor in other.state_dict().items()})
    studio.refreshed(engine)
    with pytest.raises(Unsupported, match="another image encoder"):
        engine.run(studio.wish(unit(engine, "plain", encoder="other")), lambda event: None, lambda: Cancel.NONE, save=False)


def test_one_of_another_family_is_refused(tmp_path: Path) -> None:
    unet = tiny.parts()[0]
    path = tiny_control.save(tmp_path / "other.safetensors", tiny_control.ip_adapter(unet))
    layers = tuple(attention.to_q.out_features for _, attention in cross_attentions(unet))
    for config, widths in (({"cross_attention_dim": 32}, layers), (unet.config, layers[:-1])):
        with pytest.raises(Unsupported, match="another kind of model"):
            ip_adapter.load(path, config, widths, torch.float32, "cpu")
    face = {name: tensor for name, tensor in tiny_control.ip_adapter(unet).items() if name.startswith("ip_adapter.")}
    save_file(face | {"image_proj.proj.0.weight": torch.zeros(8, 8), "image_proj.norm.weight": torch.zeros(8)}, path)
    with pytest.raises(Unsupported, match="FaceID"):
        ip_adapter.load(path, unet.config, layers, torch.float32, "cpu")


@pytest.mark.parametrize("size", [(32, 32), (90, 41), (41, 90), (20, 30)])
def test_pictures_are_prepared_as_clip_s_own_processor_does(size: tuple[int, int]) -> None:
    encoder = clip_vision.Encoder(tiny_control.image_encoder())
    image = studio.picture(4, size)
    expected = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})(image, return_tensors="np").pixel_values
    assert np.allclose(encoder.prepared(image).numpy(), expected, atol=1e-5)


def test_a_pickle_is_converted_and_drawn_with(engine: Engine) -> None:
    """As its authors offer it: dictionaries within a dictionary, as .bin."""
    folder = engine.shelf.named("ip-adapter", "plain").path.parent
    tensors = load_file(folder / "plain.safetensors")
    groups = ("image_proj", "ip_adapter")
    tree = {group: {name[len(group) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(group)} for group in groups}
    torch.save(tree, folder / "ip-adapter_sd15.bin")
    studio.refreshed(engine)
    assert torch.equal(studio.latents(engine, studio.wish(unit(engine, "ip-adapter_sd15"))), studio.latents(engine, studio.wish(unit(engine, "plain"))))
