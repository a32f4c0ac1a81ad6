"""Names of trained layers: every reader of LoRAs finds the very layer that was trained, also of SDXL with its two text encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from modules.catalog import cards
from modules.core.errors import Unsupported
from modules.core.training import Adapter, Layers
from modules.families import FAMILIES_BY_NAME
from modules.families.family import NetworkCall, Setting
from modules.networks.lora_names import Names
from modules.training.adapters import Adapters
from modules.training.tasks.inversion import begun
from modules.training.texts import LITERAL
from tests.networks import tiny, tiny_xl


def parts(family: str) -> dict[str, Any]:
    if family == "sdxl":
        return {name: network for name, network in tiny_xl.base().items() if isinstance(network, nn.Module)}
    unet, vae, text_encoder = tiny.parts()
    return {"unet": unet, "vae": vae, "text_encoder": text_encoder}


@pytest.mark.parametrize("layers", ["attention", "transformer", "everything"])
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_every_name_leads_to_its_layer(family: str, layers: Layers) -> None:
    networks = parts(family)
    names = Names(networks)
    adapters = Adapters(networks, family, Adapter(rank=4, layers=layers), 1)
    for name, layer in adapters.layers.items():
        assert [names.layers[place] for place in names.find(name)] == [layer], name
    prefixes = {"lora_te"} if family == "sd1" else {"lora_te1", "lora_te2"}
    assert {name.split("_text_model")[0] for name in adapters.layers if name.startswith("lora_te")} == prefixes
    found = {type(layer).__name__ for layer in adapters.layers.values()}
    assert ("Conv2d" in found) >= (layers == "everything")


def test_more_layers_hold_more() -> None:
    networks = parts("sd1")
    counts = [len(Adapters(networks, "sd1", Adapter(layers=layers), 1).layers) for layers in ("attention", "transformer", "everything")]
    assert counts[0] < counts[1] < counts[2]
    assert len(Adapters(networks, "sd1", Adapter(text_encoder=False), 1).layers) < counts[0]


def test_they_begin_as_nothing_and_leave_nothing() -> None:
    networks = parts("sd1")
    adapters = Adapters(networks, "sd1", Adapter(layers="everything"), 1)
    x, t, context = torch.randn(1, 4, 8, 8), torch.tensor([3]), torch.randn(1, 77, tiny.WIDTH)

    def answer() -> torch.Tensor:
        with torch.no_grad():
            return networks["unet"](x, t, encoder_hidden_states=context).sample

    bare = answer()
    with adapters.worn():
        assert torch.equal(answer(), bare)
        for weight in adapters.parameters():
            nn.init.normal_(weight)
        assert not torch.allclose(answer(), bare)
    assert torch.equal(answer(), bare)


def test_the_same_seed_begins_the_same_and_other_families_are_refused() -> None:
    networks = parts("sd1")
    one, same, other = (Adapters(networks, "sd1", Adapter(), seed).tensors() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one) and any(not torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(Unsupported, match="UNet"):
        Adapters(networks, "flux", Adapter(), 1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("folders")
    return {
        "sd1": tiny.save_folder(place / "sd1", *tiny.parts()),
        "sd2": tiny_xl.save_folder(place / "sd2", tiny_xl.second(), "StableDiffusionPipeline"),
        "sdxl": tiny_xl.save_folder(place / "sdxl", tiny_xl.base(), "StableDiffusionXLPipeline"),
        "sdxl-refiner": tiny_xl.save_folder(place / "refiner", tiny_xl.refiner(), "StableDiffusionXLImg2ImgPipeline"),
    }


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "sdxl-refiner"])
def test_a_gradient_comes_to_every_weight(family: str, folders: dict[str, Path]) -> None:
    """Several processes wait for one of each, and what gets none learns nothing."""
    reader = FAMILIES_BY_NAME[family]
    model = reader.load(cards.checkpoint(folders[family]), "cpu", torch.float32)
    adapters = Adapters(model.parts, family, Adapter(rank=2, layers="everything"), 1)
    with adapters.worn():
        (cond,) = reader.encode(model, ["a pear"], LITERAL, {}, Setting(64, 64))
        extra = {name: tensor[None] for name, tensor in cond.extra.items()}
        reader.predict(model, NetworkCall(torch.ones(1, 4, 8, 8), torch.tensor([5]), cond.context[None], extra)).square().mean().backward()
    assert [name for name, weight in adapters.named_parameters() if weight.grad is None] == []
    encoders = {name.split("_text_model")[0] for name in adapters.layers if name.startswith("lora_te")}
    assert encoders == {"sd1": {"lora_te"}, "sd2": {"lora_te"}, "sdxl": {"lora_te1", "lora_te2"}, "sdxl-refiner": {"lora_te2"}}[family]


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_gradient_comes_to_the_vectors_of_a_new_word(family: str, folders: dict[str, Path]) -> None:
    reader = FAMILIES_BY_NAME[family]
    model = reader.load(cards.checkpoint(folders[family]), "cpu", torch.float32)
    word = begun(model, 2, "", 1)
    (cond,) = reader.encode(model, ["a wordling"], LITERAL, {"wordling": word.vectors}, Setting(64, 64))
    cond.context.square().mean().backward()
    assert word.vectors.grad is not None and bool((word.vectors.grad != 0).all())
