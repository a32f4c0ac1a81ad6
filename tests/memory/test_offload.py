"""Weights beside a device that has a memory of its own. The device here is the CPU, too: what came to it is a copy, and what waits is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modules.memory import offload
from modules.memory.layers import ByLayer
from modules.memory.offload import ByNetwork, Standing, Weights
from modules.memory.waiting import InMemory
from modules.networks.lora import Wear, worn
from tests.networks import lora_files, tiny

CPU = torch.device("cpu")
Hooks = Callable[[Weights, dict[str, nn.Module]], Standing]
STANDING: dict[str, Hooks] = {
    "by network": lambda weights, networks: ByNetwork(weights, networks, {}),
    "by layer": lambda weights, networks: ByLayer(weights, networks, 2**16),
}


@pytest.fixture
def networks() -> dict[str, nn.Module]:
    unet, _, text_encoder = tiny.parts()
    return {"unet": unet.eval(), "text_encoder": text_encoder.eval()}


@torch.inference_mode()
def answers(networks: dict[str, Any]) -> list[Tensor]:
    """Of both, in the order of a picture, twice."""
    found = []
    for _ in range(2):
        context = networks["text_encoder"](input_ids=torch.arange(77)[None] + 300).last_hidden_state
        x = torch.linspace(-1, 1, 256).reshape(1, 4, 8, 8)
        found += [context, networks["unet"](x, torch.tensor([500]), encoder_hidden_states=context).sample]
    return found


class Seen:
    """Looks at each layer right before it works: what of its own lies where it waits is not on the device."""

    def __init__(self, networks: dict[str, nn.Module], weights: Weights) -> None:
        self.looked, self.absent = 0, []  # type: tuple[int, list[str]]
        for network in networks.values():
            for name, module in network.named_modules():
                if module._parameters:

                    def look(module: nn.Module, given: Any, name: str = name) -> None:
                        self.looked += 1
                        own = [tensor for tensor in module._parameters.values() if tensor is not None and tensor.nbytes > offload.SMALL]
                        homes = {home.data_ptr() for home in weights._kept.values()}
                        if any(tensor not in weights._kept or tensor.data_ptr() in homes for tensor in own):
                            self.absent.append(name)

                    module.register_forward_pre_hook(look)


@pytest.mark.parametrize("hooks", STANDING.values(), ids=STANDING)
def test_every_weight_comes_also_while_a_lora_stands_in_its_place(
    networks: dict[str, nn.Module], tmp_path: Path, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "SMALL", 2**10)  # these networks are small
    file = lora_files.save(tmp_path / "x.safetensors", lora_files.kohya(networks))
    plain = answers(networks)
    with worn(networks, [Wear(file, "x")]):
        dressed = answers(networks)
    assert not torch.equal(plain[1], dressed[1])
    weights = Weights(CPU, InMemory(False))
    for network in networks.values():
        weights.settle(network)
    standing = hooks(weights, networks)
    seen = Seen(networks, weights)
    for _ in range(2):
        assert all(map(torch.equal, answers(networks), plain))
        standing.rest()
        with worn(networks, [Wear(file, "x")]):
            assert all(map(torch.equal, answers(networks), dressed))
            standing.rest()
    assert all(map(torch.equal, answers(networks), plain))
    assert seen.looked and not seen.absent, sorted(set(seen.absent))
