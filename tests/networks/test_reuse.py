"""What networks use again: with nothing changed since, the short way gives what the whole one gave; afterwards the network is its own again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from modules.families.flux import places
from modules.networks.reuse import Memory, sharing_deep_features, sharing_later_blocks
from tests.networks import tiny, tiny_control, tiny_joint, tiny_xl

FLUX = tiny_joint.flux
SD3 = tiny_joint.sd3


def sd1(**more: Any) -> tuple[Any, dict[str, Any]]:
    torch.manual_seed(1)
    unet = tiny.parts()[0].eval()
    x, context, times = torch.randn(2, 4, 8, 8), torch.randn(2, 77, tiny.WIDTH), torch.tensor([400, 400])
    given: dict[str, Any] = {"sample": x, "timestep": times, "encoder_hidden_states": context, "return_dict": False}
    if more.get("control"):
        net = tiny_control.controlnet(unet)
        with torch.no_grad():
            down, middle = net(x, times, context, torch.rand(2, 3, 64, 64), return_dict=False)
        given |= {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    return unet, given


def sdxl() -> tuple[Any, dict[str, Any]]:
    torch.manual_seed(1)
    unet = tiny_xl.base()["unet"].eval()
    width = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
    added = {"text_embeds": torch.randn(1, width), "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]])}
    context = torch.randn(1, 77, unet.config.cross_attention_dim)
    given = {"sample": torch.randn(1, 4, 8, 8), "timestep": torch.tensor([400]), "encoder_hidden_states": context, "added_cond_kwargs": added}
    return unet, {**given, "return_dict": False}


def run(network: Any, given: dict[str, Any]) -> Tensor:
    positional = [given[name] for name in ("sample", "timestep") if "sample" in given]
    named = {name: value for name, value in given.items() if not positional or name not in ("sample", "timestep")}
    with torch.no_grad():
        answer: Tensor = network(*positional, **named)[0]
    return answer


@pytest.mark.parametrize("made", [sd1, lambda: sd1(control=True), sdxl], ids=["SD 1", "SD 1 with a ControlNet", "SDXL"])
def test_deep_features_of_the_same_input_give_the_same_answer(made: Any) -> None:
    unet, given = made()
    plain, memory, middles = run(unet, given), Memory(), []
    unet.mid_block.register_forward_hook(lambda *_: middles.append(1))
    with sharing_deep_features(unet, memory):
        assert torch.equal(run(unet, given), plain)
        memory.fresh = False
        assert torch.equal(run(unet, given), plain)
        assert len(middles) == 1
        other = run(unet, {**given, "sample": given["sample"] + 0.1})
        assert len(middles) == 1 and not torch.equal(other, plain)
        memory.key = "another kind of call"
        assert torch.equal(run(unet, given), plain) and len(middles) == 2
    assert "forward" not in unet.__dict__ and torch.equal(run(unet, given), plain) and len(middles) == 3


def transformer(kind: str) -> tuple[Any, dict[str, Any], Any]:
    torch.manual_seed(1)
    network = (FLUX if kind == "flux" else SD3)()["transformer"].eval()
    if kind == "flux":
        given = {"hidden_states": torch.randn(1, 16, 64), "encoder_hidden_states": torch.randn(1, 8, tiny_joint.WORDS), "timestep": torch.tensor([0.5])}
        given |= {"pooled_projections": torch.randn(1, tiny_joint.POOLED), "guidance": torch.tensor([3.5])}
        given |= {"img_ids": places(4, 4, "cpu"), "txt_ids": torch.zeros(8, 3)}
        return network, {**given, "return_dict": False}, network.single_transformer_blocks[-1]
    config = network.config
    given = {"hidden_states": torch.randn(1, 16, 8, 8), "encoder_hidden_states": torch.randn(1, 8, config.joint_attention_dim)}
    given |= {"timestep": torch.tensor([500.0]), "pooled_projections": torch.randn(1, config.pooled_projection_dim)}
    return network, {**given, "return_dict": False}, network.transformer_blocks[-1]


@pytest.mark.parametrize("kind", ["flux", "sd3"])
def test_later_blocks_are_left_out_where_the_first_hardly_moved(kind: str) -> None:
    network, given, last = transformer(kind)
    plain, memory, computed = run(network, given), Memory(), []
    layer = last.norm if kind == "flux" else last.norm1
    layer.register_forward_hook(lambda *_: computed.append(1))
    with sharing_later_blocks(network, memory, 0.05):
        assert torch.equal(run(network, given), plain)
        memory.fresh = False
        assert torch.allclose(run(network, given), plain, atol=1e-5) and len(computed) == 1
        near = {**given, "hidden_states": given["hidden_states"] * 1.001}
        assert not torch.equal(run(network, near), plain) and len(computed) == 1
        far = {**given, "hidden_states": torch.flip(given["hidden_states"], [1]) * 3}
        run(network, far)
        assert len(computed) == 2
    assert torch.equal(run(network, given), plain) and len(computed) == 3
