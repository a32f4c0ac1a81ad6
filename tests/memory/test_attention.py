"""Kinds of attention: all compute the same, on every network, with everything that stands on one; what cannot be had is refused with a remedy."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor, nn
from torch.nn import functional

from modules.core.errors import InvalidRequest
from modules.core.options import AttentionKind, DeviceOptions
from modules.families.flux import places
from modules.memory import attention
from modules.memory.device import find
from modules.networks.ip_adapter import IPAdapter
from modules.networks.ip_attention import Look, cross_attentions, seeing
from tests.networks import tiny, tiny_joint

OWN: tuple[AttentionKind, ...] = ("split", "slices")


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of the scores of each call of torch's function from here on; `split` may hold 8192."""
    found: list[int] = []
    plain = functional.scaled_dot_product_attention

    def seen(query: Tensor, key: Tensor, *rest: Any, **further: Any) -> Tensor:
        found.append(query.shape[0] * query.shape[1] * query.shape[2] * key.shape[2] * query.element_size())
        return plain(query, key, *rest, **further)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", seen)
    monkeypatch.setattr(attention, "SCORES", 8192)
    return found


def unet() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    torch.manual_seed(1)
    x, context = torch.randn(2, 4, 8, 8), torch.randn(2, 77, tiny.WIDTH)
    return tiny.parts()[0].eval(), lambda network: network(x, torch.tensor([7, 7]), encoder_hidden_states=context, return_dict=False)[0]


def vae() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    torch.manual_seed(1)
    x = torch.randn(1, 4, 8, 8)
    return tiny.parts()[1].eval(), lambda network: network.decode(x, return_dict=False)[0]


def flux() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    torch.manual_seed(1)
    network = tiny_joint.flux()["transformer"]
    given = {"hidden_states": torch.randn(1, 64, 64), "encoder_hidden_states": torch.randn(1, 8, tiny_joint.WORDS), "timestep": torch.tensor([0.5])}
    given |= {"pooled_projections": torch.randn(1, tiny_joint.POOLED), "guidance": torch.tensor([3.5]), "txt_ids": torch.zeros(8, 3)}
    return network.eval(), lambda network: network(**given, img_ids=places(8, 8, "cpu"), return_dict=False)[0]


def sd3() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    torch.manual_seed(1)
    network = tiny_joint.sd3()["transformer"]
    config = network.config
    given = {
        "hidden_states": torch.randn(1, 16, 16, 16),
        "encoder_hidden_states": torch.randn(1, 8, config.joint_attention_dim),
        "timestep": torch.tensor([500.0]),
    }
    return network.eval(), lambda network: network(
        **given, pooled_projections=torch.randn(1, config.pooled_projection_dim, generator=seeded()), return_dict=False
    )[0]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(2)


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("made", [unet, vae, flux, sd3], ids=lambda made: made.__name__)
@torch.no_grad()
def test_every_kind_computes_what_torch_computes_in_bounded_memory(made: Any, kind: AttentionKind, scores: list[int]) -> None:
    network, run = made()
    plain = run(network)
    calls, largest = len(scores), max(scores)
    scores.clear()
    assert attention.put_under(network, kind) > 0
    assert torch.allclose(run(network), plain, atol=1e-5)
    assert len(scores) > calls and max(scores) < largest
    if kind == "split":
        assert max(scores) <= 8192


def test_torchs_own_leaves_a_network_as_it_is() -> None:
    network, _ = unet()
    before = [module.processor for module in network.modules() if hasattr(module, "processor")]
    assert attention.put_under(network, "sdpa") == 0
    assert all(one is other for one, other in zip(before, [module.processor for module in network.modules() if hasattr(module, "processor")], strict=True))


@pytest.mark.parametrize("kind", OWN)
def test_masks_and_what_is_more_than_attention(kind: AttentionKind, scores: list[int]) -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 3, 40, 8), torch.randn(2, 3, 30, 8)
    for mask in (torch.randn(2, 1, 1, 30), torch.randn(2, 3, 40, 30), torch.randn(40, 30) > 0):
        expected = functional.scaled_dot_product_attention(query, key, key, attn_mask=mask, scale=0.3)
        mask = mask if mask.dim() == 4 else mask[None, None]
        assert torch.allclose(attention.kernel_of(kind)(query, key, key, mask, 0.3), expected, atol=1e-6)
    causal = attention.resting_on(Bare(), attention.kernel_of(kind))
    assert torch.equal(causal(query), functional.scaled_dot_product_attention(query, query, query, is_causal=True))


class Bare:
    """Attention code that asks for more than the kernels know."""

    def __call__(self, query: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, query, query, is_causal=True)


F = functional


@pytest.mark.parametrize("kind", OWN)
@torch.no_grad()
def test_an_image_prompt_looks_through_every_kind(kind: AttentionKind) -> None:
    network, run = unet()
    other, _ = unet()
    attention.put_under(other, kind)
    widths = [layer.to_q.out_features for _, layer in cross_attentions(network)]
    torch.manual_seed(5)
    keys, values = (tuple(torch.randn(width, tiny.WIDTH) * 0.1 for width in widths) for _ in range(2))
    adapter = IPAdapter(nn.Identity(), keys, values, states=False, width=tiny.WIDTH)
    look = Look(torch.randn(2, 4, tiny.WIDTH), [1.0] * len(widths))
    bare = run(network)
    found = []
    for each in (network, other):
        before = [layer.processor for _, layer in cross_attentions(each)]
        with seeing(each, [adapter]) as sight:
            sight.looks = [look]
            found.append(run(each))
            sight.looks = [None]
            assert torch.allclose(run(each), bare, atol=1e-5)
        assert [layer.processor for _, layer in cross_attentions(each)] == before
    assert torch.allclose(found[0], found[1], atol=1e-5) and not torch.allclose(found[0], bare, atol=1e-3)


def test_the_code_that_computes_keeps_its_kind() -> None:
    made = attention.resting_on(AttnProcessor2_0(), attention.split)
    assert isinstance(made, AttnProcessor2_0) and type(made).__call__.__code__ is AttnProcessor2_0.__call__.__code__


@pytest.mark.parametrize("kind", attention.PACKAGES)
def test_packages_are_refused_where_no_nvidia_card_computes(kind: AttentionKind) -> None:
    with pytest.raises(InvalidRequest, match="NVIDIA cards only") as caught:
        find(DeviceOptions(device="cpu", attention=kind))
    assert f"--attention {kind}" in str(caught.value)


@pytest.mark.parametrize("kind", attention.PACKAGES)
def test_packages_that_are_missing_or_broken_are_said(kind: AttentionKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidRequest, match="is not installed"):
        attention.check(kind, "cuda:0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None))

    def broken(name: str) -> Any:
        raise ImportError("undefined symbol: _ZN3c10")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(InvalidRequest, match="undefined symbol"):
        attention.check(kind, "cuda:0")
