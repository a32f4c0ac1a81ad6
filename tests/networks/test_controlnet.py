"""ControlNets and T2I-Adapters in every layout give the network that they were saved from, to the bit; those of another family are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from modules.core.errors import BadModelFile, Unsupported
from modules.networks import controlnet, controlnet_union, t2i_adapter
from tests.networks import tiny, tiny_control, tiny_xl


@pytest.fixture(scope="module")
def unet() -> Any:
    return tiny.parts()[0]


LAYOUTS: dict[str, Callable[[Path, Any], Path]] = {
    "folder": lambda place, network: tiny_control.save_folder(place / "net", network),
    "file in diffusers' names": lambda place, network: tiny_control.save_file_of(place / "net.safetensors", network),
    "file in LDM's names": lambda place, network: tiny_control.save_ldm(place / "net.safetensors", network),
    "file without a prefix": lambda place, network: tiny_control.save_ldm(place / "net.safetensors", network, ""),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_the_same_network(layout: str, unet: Any, tmp_path: Path) -> None:
    made = tiny_control.controlnet(unet)
    found = controlnet.load(LAYOUTS[layout](tmp_path, made), unet.config, torch.float32, "cpu")
    assert found.context == tiny.WIDTH and found.channels == 3 and not found.pooled
    theirs, ours = made.state_dict(), found.network.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    x, context, hint = torch.randn(2, 4, 8, 8), torch.randn(2, 77, tiny.WIDTH), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        down, middle = found.residuals(x, torch.tensor([7, 7]), context, hint)
        expected = made(x, torch.tensor([7, 7]), encoder_hidden_states=context, controlnet_cond=hint)
    assert torch.equal(middle, expected.mid_block_res_sample)
    assert all(torch.equal(one, other) for one, other in zip(down, expected.down_block_res_samples, strict=True))


def test_a_folder_says_what_tensors_do_not(unet: Any, tmp_path: Path) -> None:
    made = tiny_control.controlnet(unet, global_pool_conditions=True)
    folder = tiny_control.save_folder(tmp_path / "net", made)
    assert controlnet.load(folder, unet.config, torch.float32, "cpu").pooled
    assert controlnet.load(folder / "diffusion_pytorch_model.safetensors", unet.config, torch.float32, "cpu").pooled
    assert controlnet.load(tiny_control.save_ldm(tmp_path / "control_v11e_sd15_shuffle.safetensors", made), unet.config, torch.float32, "cpu").pooled


@pytest.mark.parametrize("change", [{"cross_attention_dim": 32}, {"block_out_channels": (32, 32)}])
def test_another_family_is_refused(change: dict[str, Any], unet: Any, tmp_path: Path) -> None:
    path = tiny_control.save_ldm(tmp_path / "net.safetensors", tiny_control.controlnet(unet))
    with pytest.raises(Unsupported, match="another kind of model"):
        controlnet.load(path, {**unet.config, **change}, torch.float32, "cpu")


def test_a_file_that_lacks_tensors_is_refused_by_name(unet: Any, tmp_path: Path) -> None:
    network = tiny_control.controlnet(unet)
    tensors = {name: tensor for name, tensor in network.state_dict().items() if name != "controlnet_mid_block.bias"}
    with pytest.raises(BadModelFile, match="controlnet_mid_block.bias"):
        controlnet.load(tiny_control.save(tmp_path / "net.safetensors", tensors), unet.config, torch.float32, "cpu")
    with pytest.raises(BadModelFile, match="holds no ControlNet"):
        controlnet.load(tiny_control.save(tmp_path / "none.safetensors", {"weight": torch.zeros(2, 2)}), unet.config, torch.float32, "cpu")


@pytest.mark.parametrize("layout", [tiny_control.save_folder, tiny_control.save_file_of])
def test_one_of_several_kinds_is_the_same_network_in_both_layouts(layout: Callable[[Path, Any], Path], tmp_path: Path) -> None:
    guided = tiny_xl.unet(64, 6)
    made = tiny_control.controlnet_union(guided, kinds=8)
    path = layout(tmp_path / "net.safetensors", made)
    found = controlnet_union.load(path, guided.config, torch.float32, "cpu")
    theirs, ours = made.state_dict(), found.network.state_dict()
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert found.of(7, "Inpaint").kind == 7
    added = {"text_embeds": torch.randn(2, 128), "time_ids": torch.ones(2, 6)}
    x, context, hint = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 64), torch.zeros(2, 3, 64, 64)
    with torch.no_grad():
        black, unknown = (found.of(7, "Inpaint").residuals(x, torch.tensor([7, 7]), context, shown, added)[1] for shown in (hint, hint - 1))
        kind = torch.eye(8)[[7, 7]]
        expected = made(x, torch.tensor([7, 7]), context, [hint], kind, [7], added_cond_kwargs=added).mid_block_res_sample
    assert torch.equal(black, unknown) and torch.equal(black, expected)
    with pytest.raises(Unsupported, match="8 kinds"):
        found.of(8, "another")
    with pytest.raises(Unsupported, match="another kind of model"):
        controlnet_union.load(path, {**guided.config, "cross_attention_dim": 32}, torch.float32, "cpu")


def test_a_file_of_one_kind_is_none_of_several(unet: Any, tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="several kinds"):
        controlnet_union.load(tiny_control.save_file_of(tmp_path / "net.safetensors", tiny_control.controlnet(unet)), unet.config, torch.float32, "cpu")


ADAPTERS = [("full_adapter", (32, 64), 3), ("full_adapter", (32, 64, 64, 64), 1), ("light_adapter", (32, 64), 3), ("full_adapter_xl", (32, 64, 64, 64), 3)]


@pytest.mark.parametrize("kind, channels, pictures", ADAPTERS)
@pytest.mark.parametrize("authors", [False, True])
def test_t2i_adapters_in_both_layouts(kind: str, channels: tuple[int, ...], pictures: int, authors: bool, tmp_path: Path) -> None:
    made = tiny_control.t2i_adapter(kind, channels, pictures=pictures)
    save = tiny_control.save_authors if authors else tiny_control.save_file_of
    unet = {"block_out_channels": channels, "down_block_types": ("DownBlock2D" if kind.endswith("xl") else "CrossAttnDownBlock2D",)}
    found = t2i_adapter.load(save(tmp_path / "adapter.safetensors", made), unet, torch.float32, "cpu")
    assert (found.widths, found.channels, found.fold) == (list(channels), pictures, 16 if kind.endswith("xl") else 8)
    hint = torch.rand(1, pictures, 64, 64)
    with torch.no_grad():
        assert all(torch.equal(one, other) for one, other in zip(found.features(hint), made(hint), strict=True))


def test_an_adapter_of_another_family_is_refused(tmp_path: Path) -> None:
    path = tiny_control.save_file_of(tmp_path / "adapter.safetensors", tiny_control.t2i_adapter())
    with pytest.raises(Unsupported, match="another kind of model"):
        t2i_adapter.load(path, {"block_out_channels": (64, 128)}, torch.float32, "cpu")
    with pytest.raises(Unsupported, match="another kind of model"):
        t2i_adapter.load(path, {"block_out_channels": (32, 64), "down_block_types": ("DownBlock2D",)}, torch.float32, "cpu")
