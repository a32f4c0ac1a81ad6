"""Token merging: held to the paper's rule written out token by token; off, the network is as before to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modules.networks.token_merging import matching, merging, split
from tests.networks import tiny


def by_hand(x: Tensor, height: int, width: int, ratio: float) -> tuple[Tensor, Tensor]:
    """One picture [N, C] -> (targets with what joined them [T, C], in the order of the places; for each place the value that it gets back)."""
    targets = [row * width + column for row in range(0, height - height % 2, 2) for column in range(0, width - width % 2, 2)]
    others = [place for place in range(height * width) if place not in targets]
    unit = x / x.norm(dim=-1, keepdim=True)
    best = {place: max((float(unit[place] @ unit[target]), target) for target in targets) for place in others}
    joining = sorted(others, key=lambda place: -best[place][0])[: int(height * width * ratio)]
    groups = {target: [x[target], *(x[place] for place in joining if best[place][1] == target)] for target in targets}
    means = {target: torch.stack(group).mean(0) for target, group in groups.items()}
    back = [means[place] if place in means else means[best[place][1]] if place in joining else x[place] for place in range(height * width)]
    return torch.stack([means[target] for target in targets]), torch.stack(back)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (6, 8), (5, 7)])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_the_papers_rule(height: int, width: int, ratio: float) -> None:
    torch.manual_seed(height)
    x = torch.randn(2, height * width, 16)
    found = matching(x, split(height, width, x.device), ratio)
    merged = found.merged(x)
    assert merged.shape[1] == height * width - found.joined.shape[1]
    for picture, means, back in zip(x, merged, found.spread(merged), strict=True):
        expected, everywhere = by_hand(picture, height, width, ratio)
        assert torch.allclose(means[-len(expected) :], expected, atol=1e-6)
        assert torch.allclose(back, everywhere, atol=1e-6)


def test_only_self_attention_at_full_size_sees_fewer_tokens() -> None:
    unet = tiny.parts()[0].eval()
    lengths: dict[str, int] = {}
    for name, module in unet.named_modules():
        if name.endswith(("attn1.to_q", "attn2.to_q")):
            module.register_forward_pre_hook(lambda _, given, name=name: lengths.__setitem__(name, given[0].shape[1]))
    x, context = torch.randn(1, 4, 8, 6), torch.randn(1, 77, tiny.WIDTH)
    with torch.no_grad():
        plain = unet(x, torch.tensor([9]), context).sample
        before = dict(lengths)
        with merging(unet, 0.5):
            merged = unet(x, torch.tensor([9]), context).sample
            inside = dict(lengths)
        assert torch.equal(unet(x, torch.tensor([9]), context).sample, plain) and not torch.allclose(merged, plain)
    fewer = {name for name in before if inside[name] != before[name]}
    assert fewer == {name for name, length in before.items() if "attn1" in name and length == 48}
    assert fewer and all(inside[name] == 24 for name in fewer)
