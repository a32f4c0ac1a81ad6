"""ControlNets of FLUX and of Stable Diffusion 3: wired as in diffusers' own pipelines, to 1e-5; folders and single files; several kinds; what does not belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FluxControlNetModel,
    FluxControlNetPipeline,
    FluxMultiControlNetModel,
    SD3ControlNetModel,
    StableDiffusion3ControlNetPipeline,
)
from torch import Tensor

from modules.core.control import ControlUnit
from modules.core.errors import EaselError, Unsupported
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.controls import Controls
from modules.engine.features.distilled import DistilledGuidance
from modules.engine.generate import Engine
from modules.engine.plan import plan
from modules.engine.relay import Relay
from modules.engine.resolve import resolve
from modules.engine.sample import sample
from tests.engine import control_studio as studio
from tests.networks import tiny, tiny_control, tiny_joint

STEPS, GUIDANCE, CFG = 4, 2.5, 4.5


def sure(parts: dict[str, Any]) -> dict[str, Any]:
    """With an autoencoder that says one thing of a picture: diffusers draws from what it says."""
    last = parts["vae"].encoder.conv_out
    with torch.no_grad():
        last.weight[16:] = 0
        last.bias[16:] = -60
    return parts


def lively(network: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.startswith(("controlnet_", "pos_embed_input")):
                tensor.normal_(0, 0.1)
    return tiny_control.exact(network)


def flux_net(transformer: Any, seed: int = 3, single: int = 1, guided: bool = True, kinds: int | None = None) -> FluxControlNetModel:
    names = ("in_channels", "attention_head_dim", "num_attention_heads", "joint_attention_dim", "pooled_projection_dim", "axes_dims_rope")
    config = {name: transformer.config[name] for name in names}
    torch.manual_seed(seed)
    return lively(FluxControlNetModel(**config, num_layers=1, num_single_layers=single, guidance_embeds=guided, num_mode=kinds), seed)


def sd3_net(transformer: Any, seed: int = 5, layers: int = 1, pooled: bool = False) -> SD3ControlNetModel:
    names = ("sample_size", "patch_size", "in_channels", "attention_head_dim", "num_attention_heads", "joint_attention_dim", "caption_projection_dim")
    config = {name: transformer.config[name] for name in (*names, "pooled_projection_dim", "pos_embed_max_size", "qk_norm")}
    torch.manual_seed(seed)
    return lively(SD3ControlNetModel(**config, num_layers=layers, force_zeros_for_pooled_projection=not pooled), seed)


@pytest.fixture(scope="module")
def parts() -> dict[str, dict[str, Any]]:
    return {"dev": sure(tiny_joint.flux()), "medium": sure(tiny_joint.sd3(t5_too=False))}


@pytest.fixture(scope="module")
def nets(parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    flux, sd3 = parts["dev"]["transformer"], parts["medium"]["transformer"]
    return {
        "edges": flux_net(flux), "depth": flux_net(flux, 7, single=0, guided=False), "kinds": flux_net(flux, 9, kinds=5),
        "lines": sd3_net(sd3), "pooled": sd3_net(sd3, 6, layers=2, pooled=True),
    }  # fmt: skip


@pytest.fixture(scope="module")
def engine(parts: dict[str, dict[str, Any]], nets: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data: Path = tmp_path_factory.mktemp("joint-control")
    models, place = data / "models" / "Stable-diffusion", data / "models" / "ControlNet"
    tiny_joint.save_folder(models / "dev", "FluxPipeline", parts["dev"], tiny_joint.DEV)
    tiny_joint.save_folder(models / "medium", "StableDiffusion3Pipeline", parts["medium"], tiny_joint.SD3)
    for name, network in nets.items():
        tiny_control.save_folder(place / name, network)
    for name in ("edges", "lines", "kinds"):
        tiny_control.save(place / f"{name} alone.safetensors", {key: tensor.contiguous() for key, tensor in nets[name].state_dict().items()})
    tiny_control.save_ldm(place / "of-sd1.safetensors", tiny_control.controlnet(tiny.parts()[0]))
    tiny_control.save_authors(place / "adapter.safetensors", tiny_control.t2i_adapter())
    tiny_control.save(place / "face.safetensors", tiny_control.ip_adapter(tiny.parts()[0]))
    tiny_control.save_image_encoder(data / "models" / "clip_vision" / "clip.safetensors")
    return studio.engine(data)


def unit(engine: Engine, model: str, **values: Any) -> ControlUnit:
    return ControlUnit(model=model, image=studio.kept(engine, studio.picture(0)), **values)


def wish(model: str, *units: ControlUnit, **values: Any) -> GenerationRequest:
    return studio.wish(*units, model=model, steps=STEPS, cfg_scale=CFG if model == "medium" else 1.0, **values)


@torch.inference_mode()
def latents(engine: Engine, request: GenerationRequest) -> Tensor:
    request, card = resolve(request, engine.shelf, engine.machine.precision)
    controls = Controls(request, engine.shelf, engine.control_networks, engine.blobs)
    standing = [*controls.standing(), *([DistilledGuidance(GUIDANCE)] if card.family == "flux" else [])]
    with Relay(engine.models, request.precision, card, None, {}, standing) as relay:
        (stage,) = plan(request, relay.record)
        features = [*relay.features, *controls.acting(relay, stage, request)]
        return sample(stage, relay.bare, [request], lambda table: relay.denoiser(stage, table, features))


@torch.inference_mode()
def expected(engine: Engine, model: str, network: Any, **called: Any) -> Tensor:
    """What diffusers' own pipeline draws with the engine's networks and conditionings."""
    loaded = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint(model)), "fp32")
    request = wish(model)
    (cond,), (against,) = (loaded.family.encode(loaded.model, [text], request.text, {}) for text in (request.prompt, request.negative_prompt))
    told: dict[str, Any] = {"prompt_embeds": cond.context[None], "pooled_prompt_embeds": cond.extra["pooled_projections"][None]}
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(loaded.model.card.path / "scheduler")
    networks = {name: part for name, part in loaded.model.parts.items() if isinstance(part, torch.nn.Module)}
    noise = torch.randn(16, 8, 8, generator=torch.Generator().manual_seed(request.seed))[None]
    called = {"control_image": studio.picture(0), "height": 64, "width": 64, "num_inference_steps": STEPS, "output_type": "latent", **told, **called}
    pipeline: Any
    if model == "dev":
        pipeline = FluxControlNetPipeline(**networks, scheduler=scheduler, tokenizer=None, tokenizer_2=None, controlnet=network)
        called |= {"latents": FluxControlNetPipeline._pack_latents(noise, 1, 16, 8, 8), "guidance_scale": GUIDANCE}
    else:
        empty = {"tokenizer": None, "tokenizer_2": None, "tokenizer_3": None, "text_encoder_3": None}
        pipeline = StableDiffusion3ControlNetPipeline(**{**empty, **networks}, scheduler=scheduler, controlnet=network)
        pooled = {"negative_prompt_embeds": against.context[None], "negative_pooled_prompt_embeds": against.extra["pooled_projections"][None]}
        called |= {"latents": noise, "guidance_scale": CFG, **pooled}
    pipeline.set_progress_bar_config(disable=True)
    drawn: Tensor = pipeline(**called).images
    return FluxControlNetPipeline._unpack_latents(drawn, 64, 64, 8) if model == "dev" else drawn


@pytest.mark.parametrize(
    ("model", "file", "net"),
    [("dev", "edges", "edges"), ("dev", "edges alone", "edges"), ("dev", "depth", "depth"), ("medium", "lines", "lines"),
     ("medium", "lines alone", "lines"), ("medium", "pooled", "pooled")],
)  # fmt: skip
def test_wired_as_in_diffusers(engine: Engine, nets: dict[str, Any], model: str, file: str, net: str) -> None:
    found = latents(engine, wish(model, unit(engine, file, weight=0.8, end=0.75)))
    theirs = expected(engine, model, nets[net], controlnet_conditioning_scale=0.8, control_guidance_end=0.75)
    assert studio.near(found, theirs)
    assert not torch.allclose(found, latents(engine, wish(model)), atol=1e-3), "it does something"


def test_several_add_up_whatever_their_depth(engine: Engine, nets: dict[str, Any]) -> None:
    found = latents(engine, wish("dev", unit(engine, "edges", weight=0.8), unit(engine, "edges alone", weight=0.5)))
    both = FluxMultiControlNetModel([nets["edges"], nets["edges"]])
    theirs = expected(engine, "dev", both, controlnet_conditioning_scale=[0.8, 0.5], control_image=[studio.picture(0)] * 2)
    assert studio.near(found, theirs)
    deep = latents(engine, wish("dev", unit(engine, "edges"), unit(engine, "depth")))
    assert deep.isfinite().all() and not torch.equal(deep, latents(engine, wish("dev", unit(engine, "edges"))))


@pytest.mark.parametrize(("kind", "mode"), [("Hard Edge", 0), ("Depth", 2), ("OpenPose", 4)])
def test_one_of_several_kinds_is_told_which(engine: Engine, nets: dict[str, Any], kind: str, mode: int) -> None:
    for file in ("kinds", "kinds alone"):
        found = latents(engine, wish("dev", unit(engine, file, union=kind)))
        assert studio.near(found, expected(engine, "dev", nets["kinds"], control_mode=mode, controlnet_conditioning_scale=1.0))
    with pytest.raises(Unsupported, match="Normal Map is none of them"):
        latents(engine, wish("dev", unit(engine, "kinds", union="Normal Map")))


@pytest.mark.parametrize("mode", ["My prompt is more important", "ControlNet is more important"])
def test_modes_act(engine: Engine, mode: str) -> None:
    plain, bent = (latents(engine, wish("medium", unit(engine, "pooled", **values))) for values in ({}, {"mode": mode}))
    assert bent.isfinite().all() and not torch.equal(plain, bent)


@pytest.mark.parametrize(
    ("model", "file"), [("dev", "of-sd1"), ("medium", "of-sd1"), ("dev", "lines"), ("medium", "edges"), ("dev", "adapter"), ("medium", "face")]
)
def test_one_of_another_family_is_refused(engine: Engine, model: str, file: str) -> None:
    before = latents(engine, wish(model))
    with pytest.raises(EaselError) as refused:
        latents(engine, wish(model, unit(engine, file)))
    assert refused.value.field == "control" and refused.value.remedy
    assert torch.equal(before, latents(engine, wish(model)))


@pytest.mark.parametrize(("model", "file"), [("dev", "edges"), ("medium", "lines alone")])
def test_a_picture_comes_back_and_a_batch_is_as_each_alone(engine: Engine, model: str, file: str) -> None:
    request = wish(model, unit(engine, file), batch_size=2)
    both = engine.run(request, lambda event: None, lambda: Cancel.NONE, save=False).pictures
    alone = engine.run(both[1].request, lambda event: None, lambda: Cancel.NONE, save=False).pictures[0]
    assert alone.data == both[1].data and f"Model: {file}" in alone.infotext
