"""Networks for lines: against the published formulas written out over the file's own tensors, and what is no such file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, instance_norm, interpolate, max_pool2d, pad, relu

from modules.catalog.annotators import network_file
from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.errors import BadModelFile
from modules.core.paths import Paths
from modules.networks import line_maps, pidinet
from tests.networks import tiny_lines

SIZE = (64, 48)


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)


def pixels() -> Tensor:
    return torch.from_numpy(np.array(picture(), np.float32)).permute(2, 0, 1)[None] / 255


def soft(found: Tensor) -> Tensor:
    return interpolate(found, (SIZE[1], SIZE[0]), mode="bilinear", align_corners=False)


def hed(told: dict[str, Tensor]) -> Tensor:
    x, sides = pixels() * 255 - told["norm"], []
    for block, layers in enumerate((2, 2, 3, 3, 3), 1):
        x = max_pool2d(x, 2) if block > 1 else x
        for layer in range(layers):
            x = relu(conv2d(x, told[f"block{block}.convs.{layer}.weight"], told[f"block{block}.convs.{layer}.bias"], padding=1))
        sides.append(soft(conv2d(x, told[f"block{block}.projection.weight"], told[f"block{block}.projection.bias"])))
    return (sum(sides) / 5).sigmoid()[0, 0]  # type: ignore[union-attr]


def differences(x: Tensor, kernel: Tensor, kind: str, groups: int) -> Tensor:
    """By the paper's definitions: the weighted sum of differences between pairs of pixels, one pair after the other."""
    height, width = x.shape[-2:]
    wide = pad(x, (2, 2, 2, 2))

    def at(row: int, column: int) -> Tensor:
        """The pixel that lies so far from each one."""
        return wide[:, :, 2 + row : 2 + row + height, 2 + column : 2 + column + width]

    ring = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]  # clockwise
    found: Tensor = torch.zeros(())
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            weight = kernel[:, :, row + 1 : row + 2, column + 1 : column + 2]
            if kind == "central":
                pair = at(row, column) - at(0, 0)
            elif kind == "angular" and (row, column) != (0, 0):
                behind = ring[(ring.index((row, column)) + 1) % 8]
                pair = at(row, column) - at(*behind)
            elif kind == "radial" and (row, column) != (0, 0):
                pair = at(2 * row, 2 * column) - at(row, column)
            elif kind == "plain":
                pair = at(row, column)
            else:
                continue
            found = found + conv2d(pair, weight, groups=groups)
    return found


@pytest.mark.parametrize("kind", pidinet.TURNS)
def test_differences_of_pixels_are_another_kernel(kind: str) -> None:
    draw = torch.Generator().manual_seed(3)
    x, kernel = torch.randn(1, 4, 9, 7, generator=draw), torch.randn(4, 1, 3, 3, generator=draw)
    made = pidinet.over_pixels(kernel, kind)
    found = conv2d(x, made, padding=made.shape[-1] // 2, groups=4)
    if kind == "angular":
        # which neighbour a weight belongs to is a matter of counting: each is taken against the next one around the middle
        assert torch.allclose(made.sum((-1, -2)), torch.zeros(4, 1), atol=1e-5) and made[:, :, 1, 1].abs().max() == 0
        flat = kernel.flatten(2)[:, 0]
        assert torch.allclose(made.flatten(2)[:, 0, 0], flat[:, 0] - flat[:, 3]) and torch.allclose(made.flatten(2)[:, 0, 5], flat[:, 5] - flat[:, 2])
    elif kind == "radial":
        # the kept kernel's first place goes unused, the others stand for the rays in reading order
        order = [1, 2, 3, 4, 0, 5, 6, 7, 8]
        assert torch.allclose(found, differences(x, kernel.flatten(2)[..., order].view(4, 1, 3, 3), kind, 4), atol=1e-5)
    else:
        assert torch.allclose(found, differences(x, kernel, kind, 4), atol=1e-5)


def pidi(told: dict[str, Tensor]) -> Tensor:
    turns = iter(pidinet.TURNS * 4)

    def turned(x: Tensor, name: str, groups: int) -> Tensor:
        kernel = pidinet.over_pixels(told[f"{name}.weight"], next(turns))
        return conv2d(x, kernel, padding=kernel.shape[-1] // 2, groups=groups)

    x, sides = turned(pixels().flip(1), "init_block", 1), []
    for stage, blocks in enumerate((3, 4, 4, 4), 1):
        for block in range(1, blocks + 1):
            name = f"block{stage}_{block}"
            beside = x = max_pool2d(x, 2) if f"{name}.shortcut.weight" in told else x
            if f"{name}.shortcut.weight" in told:
                beside = conv2d(x, told[f"{name}.shortcut.weight"], told[f"{name}.shortcut.bias"])
            x = conv2d(relu(turned(x, f"{name}.conv1", x.shape[1])), told[f"{name}.conv2.weight"]) + beside
        at = stage - 1
        y = conv2d(relu(x), told[f"dilations.{at}.conv1.weight"], told[f"dilations.{at}.conv1.bias"])
        far = [conv2d(y, told[f"dilations.{at}.conv2_{number}.weight"], padding=wide, dilation=wide) for number, wide in enumerate((5, 7, 9, 11), 1)]
        y = far[0] + far[1] + far[2] + far[3]
        looked = conv2d(relu(y), told[f"attentions.{at}.conv1.weight"], told[f"attentions.{at}.conv1.bias"])
        y = y * conv2d(looked, told[f"attentions.{at}.conv2.weight"], padding=1).sigmoid()
        sides.append(soft(conv2d(y, told[f"conv_reduces.{at}.conv.weight"], told[f"conv_reduces.{at}.conv.bias"])))
    return conv2d(torch.cat(sides, 1), told["classifier.weight"], told["classifier.bias"]).sigmoid()[0, 0]


def drawn(told: dict[str, Tensor]) -> Tensor:
    def layer(x: Tensor, name: str, beside: int, stride: int = 1) -> Tensor:
        """beside: pixels by which the picture goes on as in a mirror; 0: by nothing, one pixel of zeros."""
        x = pad(x, (beside,) * 4, mode="reflect") if beside else x
        return conv2d(x, told[f"{name}.weight"], told[f"{name}.bias"], stride=stride, padding=0 if beside else 1)

    x = relu(instance_norm(layer(pixels(), "model0.1", 3)))
    for name in ("model1.0", "model1.3"):
        x = relu(instance_norm(layer(x, name, 0, 2)))
    for block in range(3):
        inner = relu(instance_norm(layer(x, f"model2.{block}.conv_block.1", 1)))
        x = x + instance_norm(layer(inner, f"model2.{block}.conv_block.5", 1))
    for name in ("model3.0", "model3.3"):
        x = conv_transpose2d(x, told[f"{name}.weight"], told[f"{name}.bias"], stride=2, padding=1, output_padding=1)
        x = relu(instance_norm(x))
    return 1 - layer(x, "model4.1", 3).sigmoid()[0, 0]


KINDS: dict[str, tuple[str, Callable[[dict[str, Tensor]], Tensor]]] = {
    "ControlNetHED": ("hed", hed),
    "table5_pidinet": ("pidinet", pidi),
    "sk_model": ("lineart", drawn),
    "sk_model2": ("lineart-coarse", drawn),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_map_is_that_of_the_formulas(name: str, tmp_path: Path) -> None:
    kind, formula = KINDS[name]
    path = tiny_lines.save(tmp_path, name)
    made = np.asarray(line_maps.load(path, kind, "cpu", path.name).map(picture())).astype(float)
    expected = (255 * formula(tiny_lines.tensors(name))).numpy()
    assert expected.std() > 2, "it sees something"
    assert np.abs(made - expected[:, :, None]).max() <= 1.001, "up to a step of grey"


@pytest.mark.parametrize("name", KINDS)
def test_any_picture_has_a_map_of_its_own_size(name: str, tmp_path: Path) -> None:
    path = tiny_lines.save(tmp_path, name)
    loaded = line_maps.load(path, KINDS[name][0], "cpu", path.name)
    for size in ((1, 1), (7, 90), (64, 40)):
        assert loaded.map(picture(size)).size == size


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("name", tiny_lines.FILES)
def test_which_file_it_is_its_header_says(name: str, pickled: bool, tmp_path: Path) -> None:
    card = network_file(tiny_lines.save(tmp_path, name, pickled=pickled))
    kind = "openpose-body" if name == "body_pose_model" else KINDS[name][0]
    assert (card.kind, card.architecture, card.precision, bool(card.note)) == ("annotator", kind, "fp32", pickled)


def test_others_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    (tmp_path / "torn.pth").write_bytes(b"\x80")
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "hand_pose_model.pth")
    assert {network_file(path).kind for path in tmp_path.iterdir()} == {"unknown"}


def test_one_in_forges_folder_which_holds_other_networks_too_is_listed_once(tmp_path: Path) -> None:
    path = tiny_lines.save(tmp_path / "models" / "ControlNetPreprocessor", "sk_model")
    library = Library(Paths(data=tmp_path, models=tmp_path / "models"), HashCache(None))
    assert [(card.kind, card.architecture, card.trouble) for card in library.files() if card.path == path] == [("annotator", "lineart", "")]


def test_a_file_that_lacks_something_is_refused_by_name(tmp_path: Path) -> None:
    told = tiny_lines.tensors("ControlNetHED")
    del told["block3.convs.2.bias"]
    save_file(told, tmp_path / "short.safetensors")
    with pytest.raises(BadModelFile, match=r"edges\.pth cannot be loaded.*block3.convs.2.bias"):
        line_maps.load(tmp_path / "short.safetensors", "hed", "cpu", "edges.pth")
    broken = {name: tensor * float("nan") for name, tensor in tiny_lines.tensors("sk_model").items()}
    save_file(broken, tmp_path / "nan.safetensors")
    with pytest.raises(BadModelFile, match="made no numbers"):
        line_maps.load(tmp_path / "nan.safetensors", "lineart", "cpu", "nan").map(picture())
