"""Upscalers of the real architectures: loaded by what their files hold, run whole and in tiles, stopped in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modules.core.errors import BadModelFile, Unsupported
from modules.networks import upscalers
from modules.networks.architectures import recognised, spandrel
from modules.networks.upscalers import Upscaler
from tests.networks import small


def picture(width: int = 40, height: int = 24, mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def loaded(tmp_path: Path, tensors: small.Tensors, dtype: torch.dtype = torch.float32) -> Upscaler:
    return upscalers.load(small.save(tmp_path / "net.safetensors", tensors), "cpu", dtype)


@pytest.mark.parametrize("stem", small.ALL)
def test_every_architecture_enlarges_as_spandrel_itself_does(tmp_path: Path, stem: str) -> None:
    tensors = small.ALL[stem][0]()
    upscaler = loaded(tmp_path, tensors)
    assert upscaler.scale == small.ALL[stem][2]
    image = picture()
    made = upscaler.enlarge(image)
    assert made.size == (40 * upscaler.scale, 24 * upscaler.scale)
    direct = recognised(dict(tensors), stem)
    direct.eval()
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 255
    wanted = (direct(pixels)[0].permute(1, 2, 0).numpy() * 255).round().astype(int)
    assert np.abs(np.asarray(made).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("make", [small.esrgan, small.real_esrgan, small.compact])
def test_tiles_give_the_picture_of_the_whole(tmp_path: Path, make: object) -> None:
    """These small networks see at most 18 pixels far, a quarter of the overlap here."""
    upscaler = loaded(tmp_path, make())  # type: ignore[operator]
    image = picture(340, 32)
    whole, tiled = (np.asarray(upscaler.enlarge(image, tile, overlap)).astype(int) for tile, overlap in ((0, 0), (288, 72)))
    assert np.abs(whole - tiled).max() <= 1
    assert whole.std() > 1, "the picture is not plain"


@pytest.mark.parametrize("make", [small.swinir, small.dat])
def test_windows_are_not_cut(tmp_path: Path, make: object) -> None:
    """Networks that see in windows: pieces begin where windows begin."""
    upscaler = loaded(tmp_path, make())  # type: ignore[operator]
    image = picture(300, 40)
    whole, tiled = (np.asarray(upscaler.enlarge(image, tile, 32)).astype(int) for tile in (0, 160))
    assert np.abs(whole - tiled).max() <= 1
    assert whole.std() > 1


def test_modes_are_kept_and_transparency_is_enlarged(tmp_path: Path) -> None:
    upscaler = loaded(tmp_path, small.esrgan(scale=2))
    assert [upscaler.enlarge(picture(mode=mode)).mode for mode in ("RGB", "RGBA", "L", "P")] == ["RGB", "RGBA", "RGB", "RGB"]
    clear = picture(mode="RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    made = upscaler.enlarge(clear)
    assert made.getchannel("A").tobytes() == clear.getchannel("A").resize(made.size, Image.Resampling.LANCZOS).tobytes()


def test_a_pause_ends_the_work_within_a_tile(tmp_path: Path) -> None:
    upscaler = loaded(tmp_path, small.esrgan())
    calls = 0

    def pause() -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        upscaler.enlarge(picture(), pause=pause)
    assert calls == 5
    upscaler.enlarge(picture(8, 8), pause=lambda: None)
    assert calls == 5, "the hooks of the first run are gone"


def test_half_precision_only_where_the_architecture_takes_it(tmp_path: Path) -> None:
    assert loaded(tmp_path, small.esrgan(), torch.bfloat16).dtype == torch.bfloat16
    assert loaded(tmp_path, small.dat(), torch.float16).dtype == torch.float32


def test_other_networks_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="no upscaler of an architecture"):
        loaded(tmp_path, {"a.weight": torch.zeros(3)})
    odd = small.real_esrgan()
    odd["conv_up1.weight"] = torch.zeros(1, 1, 3, 3)
    with pytest.raises(BadModelFile, match="cannot be loaded"):
        loaded(tmp_path, odd)
    two = small.esrgan()
    two["model.0.weight"] = two["model.0.weight"][:, :2].contiguous()
    with pytest.raises(Unsupported, match="2 channels into 3"):
        loaded(tmp_path, two)


def test_torchvision_is_there_for_spandrel_alone() -> None:
    """In a process of its own: whoever looks for torchvision afterwards must not find half of it."""
    program = (
        "import sys, importlib.util\n"
        "from modules.networks import architectures\n"
        "assert not [name for name in sys.modules if name.startswith('torchvision')]\n"
        "assert architectures.spandrel.__version__\n"
        "import diffusers\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr


def test_our_normalize_is_torchvision_s() -> None:
    from_spandrel = sys.modules["spandrel.architectures.RestoreFormer"].tv_normalize
    pixels = torch.arange(12.0).view(1, 3, 2, 2)
    made = from_spandrel(pixels.clone(), [1.0, 2.0, 3.0], [2.0, 2.0, 4.0])
    assert torch.equal(made[0, :, 0, 0], torch.tensor([-0.5, 1.0, 1.25]))
    assert spandrel
