"""Names of trained layers: every reader of LoRAs finds the very layer that was trained, also of SDXL with its two text encoders."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from modules.core.errors import Unsupported
from modules.core.training import Adapter, Layers
from modules.networks.lora_names import Names
from modules.training.adapters import Adapters
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
