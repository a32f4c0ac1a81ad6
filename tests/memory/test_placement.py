"""Where networks lie: the same answers from everywhere, and what is not at work costs no memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from modules.core.errors import OutputTrouble
from modules.core.options import DeviceOptions, Placement
from modules.memory.budget import chosen, held
from modules.memory.device import find
from modules.memory.offload import SMALL
from modules.memory.placement import Placed, emptied, in_full, place, place_alone
from tests.networks import tiny

MACHINE = find(DeviceOptions(device="cpu"))
PLACEMENTS: tuple[Placement, ...] = ("resident", "encoders", "medvram", "group", "lowvram")
WALK: tuple[Placement, ...] = ("encoders", "lowvram", "medvram", "group", "resident", "lowvram", "encoders", "medvram", "resident")
GB = 10**9


@pytest.fixture
def networks() -> dict[str, nn.Module]:
    unet, vae, text_encoder = tiny.parts()
    return {"unet": unet.eval(), "vae": vae.eval(), "text_encoder": text_encoder.eval()}


@torch.inference_mode()
def answers(networks: Mapping[str, nn.Module]) -> list[Tensor]:
    """Of all three, in the order of a picture, twice."""
    found = []
    for _ in range(2):
        context = networks["text_encoder"](input_ids=torch.arange(77)[None] + 300).last_hidden_state
        x = torch.linspace(-1, 1, 1024).reshape(1, 4, 16, 16)
        found += [context, networks["unet"](x, torch.tensor([500]), encoder_hidden_states=context).sample, networks["vae"].decode(x).sample]  # type: ignore[operator]
    return found


def in_memory(networks: Mapping[str, nn.Module]) -> dict[str, int]:
    """Bytes of each network's large weights that lie in memory of their own, and not in the file in which they wait."""
    return {
        name: sum(tensor.nbytes for tensor in network.parameters() if tensor.nbytes > SMALL and tensor.untyped_storage().nbytes() and _resizable(tensor))
        for name, network in networks.items()
    }


def _resizable(tensor: Tensor) -> bool:
    return tensor.untyped_storage().resizable()  # what is mapped from elsewhere is not


def watched(network: nn.Module, look: Callable[[], None]) -> None:
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_pre_hook(lambda *_: look())


def test_the_answers_are_the_same_from_everywhere_and_in_any_order(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    wanted = answers(networks)
    placed = Placed(networks, MACHINE, tmp_path)
    for where in WALK:
        placed.move(where)
        assert placed.where == where
        assert all(map(torch.equal, answers(networks), wanted)), where
        placed.rest()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", PLACEMENTS)
def test_what_is_not_at_work_lies_in_no_memory(networks: dict[str, nn.Module], tmp_path: Path, where: Placement) -> None:
    whole = in_memory(networks)
    assert all(whole.values())
    placed = Placed(networks, MACHINE, tmp_path)
    placed.move(where)
    together = 0

    def look() -> None:
        nonlocal together
        together = max(together, sum(in_memory(networks).values()))

    for network in networks.values():
        watched(network, look)
    answers(networks)
    placed.rest()
    table = networks["text_encoder"].get_input_embeddings().weight.nbytes  # type: ignore[operator]
    words = whole["text_encoder"] - table
    layer = max(tensor.nbytes for name in ("unet", "vae") for tensor in networks[name].parameters())
    assert in_memory(networks) == {
        "resident": whole,
        "encoders": {**whole, "text_encoder": 0},
    }.get(where, dict.fromkeys(networks, 0))
    expected = {"resident": sum(whole.values()), "encoders": sum(whole.values()) - table, "medvram": max(whole["unet"], whole["vae"], words)}
    assert 0 < together <= expected.get(where, layer)


def test_a_network_can_be_widened_wherever_it_lies(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    vae: Any = networks["vae"].half()
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    x = torch.linspace(-1, 1, 16).reshape(1, 4, 2, 2)
    with torch.inference_mode():
        half = vae.decode(x.half()).sample
        with in_full(vae):
            wanted = vae.decode(x).sample
    placed = Placed({"vae": vae}, MACHINE, tmp_path)
    for where in PLACEMENTS:
        placed.move(where)
        with torch.inference_mode():
            assert torch.equal(vae.decode(x.half()).sample, half), where  # as in a run, which leaves it where it works
            with in_full(vae):
                assert torch.equal(vae.decode(x).sample, wanted), where
            assert torch.equal(vae.decode(x.half()).sample, half), where
        placed.rest()
        assert all(tensor.dtype is torch.float16 and torch.equal(tensor, before[name]) for name, tensor in vae.state_dict().items()), where


def test_weights_can_still_be_trained_after_a_run(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    placed = Placed(networks, MACHINE, tmp_path)
    placed.move("lowvram")
    answers(networks)
    with torch.inference_mode():
        placed.move("resident")
    networks["unet"].requires_grad_(True)
    networks["unet"](torch.ones(1, 4, 8, 8), torch.tensor([5]), encoder_hidden_states=torch.ones(1, 77, tiny.WIDTH)).sample.sum().backward()
    assert not any(tensor.is_inference() for tensor in networks["unet"].parameters())


def test_what_breaks_off_leaves_nothing_behind(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    placed = Placed(networks, MACHINE, tmp_path)
    placed.move("lowvram")
    with pytest.raises(RuntimeError):
        networks["unet"](torch.ones(1, 4, 8, 8), torch.tensor([5]), encoder_hidden_states=torch.ones(1, 77, 3))
    assert sum(in_memory(networks).values()) == 0


def test_a_model_that_is_let_go_leaves_with_its_weights(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    placed = Placed(networks, MACHINE, tmp_path)
    placed.move("group")
    answers(networks)
    gone = weakref.ref(networks["unet"])
    networks.clear()
    del placed
    emptied(MACHINE)
    assert gone() is None


def test_a_disk_without_room_is_said_and_the_model_stays_usable(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    wanted = answers(networks)
    (tmp_path / "file").write_bytes(b"")
    placed = Placed(networks, MACHINE, tmp_path / "file" / "folder")
    with pytest.raises(OutputTrouble, match="while they wait"):
        placed.move("lowvram")
    assert placed.where == "resident"
    assert all(map(torch.equal, answers(networks), wanted))


def test_options_say_where(networks: dict[str, nn.Module], tmp_path: Path) -> None:
    assert place(networks, DeviceOptions(placement="medvram"), MACHINE, tmp_path).where == "medvram"
    assert place({"vae": networks["vae"], "vocabulary": object()}, DeviceOptions(), MACHINE, tmp_path).where == "resident"
    assert place_alone(networks["vae"], DeviceOptions(placement="medvram"), MACHINE, tmp_path).where == "lowvram"


SIZES = {"unet": 5 * GB, "text_encoder": GB // 4, "text_encoder_2": 3 * GB // 2, "vae": GB // 6}


@pytest.mark.parametrize(
    ("free", "where"), [(10 * GB, "resident"), (9.2 * GB, "resident"), (8.9 * GB, "encoders"), (7.2 * GB, "medvram"), (6 * GB, "group"), (0, "group")]
)
def test_auto_takes_the_fastest_that_fits(free: float, where: Placement) -> None:
    assert chosen("auto", SIZES, int(free)) == where
    assert chosen("lowvram", SIZES, int(free)) == "lowvram"


def test_each_placement_holds_less_than_the_one_before() -> None:
    sizes = [held(where, SIZES) for where in PLACEMENTS]
    assert sizes == sorted(sizes, reverse=True) and set(PLACEMENTS) | {"auto"} == set(get_args(Placement))


@pytest.mark.parametrize("where", PLACEMENTS)
def test_what_learns_is_all_there_and_keeps_what_it_learnt(networks: dict[str, nn.Module], where: Placement, tmp_path: Path) -> None:
    before, placed = answers(networks), Placed(networks, MACHINE, tmp_path)
    placed.move(where)
    assert (placed.absent() > 0) == (where != "resident")
    with placed.resident():
        placed.move("lowvram")
        assert placed.where == "resident" and not placed.absent()
        for network in networks.values():
            assert all(_resizable(tensor) for tensor in network.parameters())
            with torch.no_grad():
                for tensor in network.parameters():
                    tensor.mul_(1.01)
        learnt = answers(networks)
    assert placed.where == where
    for found, first, expected in zip(answers(networks), before, learnt, strict=True):
        assert torch.equal(found, expected) and not torch.equal(found, first)
