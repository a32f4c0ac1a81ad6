"""What lies in the folders of upscalers and face restorers: recognised by header, found by every name, listed with its trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.catalog import signs, upscalers
from modules.catalog.hashes import HashCache
from modules.catalog.header import Entry, Header
from modules.catalog.scan import Library
from modules.core.errors import BadModelFile, NotFound
from modules.core.paths import Paths
from tests.catalog.files import SD1, write
from tests.networks import small


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", models=tmp_path / "models", upscalers=(tmp_path / "more",))


@pytest.fixture
def library(paths: Paths) -> Library:
    return Library(paths, HashCache(None))


@pytest.mark.parametrize("stem", small.ALL)
def test_architecture_and_factor_come_from_the_header(tmp_path: Path, stem: str) -> None:
    make, architecture, scale = small.ALL[stem]
    for ending in (".safetensors", ".pth"):
        card = upscalers.upscaler(small.save(tmp_path / f"plain{ending}", make()))
        assert (card.kind, card.family, card.scale, card.trouble) == ("upscaler", architecture, scale, "")
        assert bool(card.note) == (ending == ".pth")


def test_names_with_a_trainer_s_prefix(tmp_path: Path) -> None:
    tensors = {f"module.{name}": tensor for name, tensor in small.esrgan().items()}
    assert upscalers.upscaler(small.save(tmp_path / "x.pth", tensors)).scale == 4


@pytest.mark.parametrize(
    ("stem", "scale"), [("4x-UltraSharp", 4), ("x2_thing", 2), ("foo_8x", 8), ("DAT_x3", 3), ("16xPSNR", 16), ("16x-PSNR", 16), ("net", 0), ("1024x1024", 0)]
)
def test_the_factor_in_a_name(stem: str, scale: int) -> None:
    assert upscalers.said(stem) == scale


def test_the_library_lists_a1111_s_folders_and_says_what_cannot_be_used(library: Library, paths: Paths) -> None:
    small.save(paths.models / "ESRGAN" / "4x-tiny.safetensors", small.esrgan())
    small.save(paths.models / "RealESRGAN" / "RealESRGAN_x4plus.pth", small.real_esrgan())
    small.save(paths.upscalers[0] / "sub" / "DAT_x2.safetensors", small.dat())
    write(paths.models / "SwinIR" / "model.safetensors", SD1)
    write(paths.models / "DAT" / "lora.safetensors", {"lora_unet_x.lora_down.weight": (1,)})
    write(paths.models / "ESRGAN" / "unknown_8x.safetensors", {"a.weight": (1,)})
    (paths.models / "ESRGAN" / "broken.pth").write_bytes(b"cut")
    cards = {card.name: card for card in library.upscalers()}
    assert list(cards) == ["4x-tiny", "broken", "DAT_x2", "lora", "model", "RealESRGAN_x4plus", "unknown_8x"]
    assert {name for name, card in cards.items() if card.trouble} == {"broken", "lora", "model"}
    assert (
        "a Stable Diffusion 1.x model" in cards["model"].trouble and "models/Stable-diffusion" in cards["model"].trouble and "a LoRA" in cards["lora"].trouble
    )
    assert cards["unknown_8x"].scale == 8, "an architecture that is not among the common ones may still load"
    assert not any(card.kind == "upscaler" for card in library.checkpoints())


def test_an_upscaler_is_found_by_name_alias_and_hash(library: Library, paths: Paths) -> None:
    path = small.save(paths.models / "RealESRGAN" / "RealESRGAN_x4plus.safetensors", small.real_esrgan())
    small.save(paths.models / "ESRGAN" / "4x-tiny.safetensors", small.esrgan())
    for name in ("realesrgan_x4plus", "RealESRGAN_x4plus.safetensors", "R-ESRGAN 4x+", "r-esrgan 4X+"):
        assert library.upscaler(name).path == path
    digest = library.hashed(library.upscaler("4x-tiny")).sha256
    assert library.upscaler("another name", digest).name == "4x-tiny"
    with pytest.raises(NotFound, match=r"no upscaler '4x-tini'.*Nearest: 4x-tiny") as caught:
        library.upscaler("4x-tini", field="hires.upscaler")
    assert caught.value.field == "hires.upscaler"
    with pytest.raises(NotFound, match="another file"):
        library.upscaler("4x-tiny", "0" * 64)


def test_a_damaged_one_is_refused_by_name(library: Library, paths: Paths) -> None:
    place = paths.models / "ESRGAN"
    place.mkdir(parents=True)
    (place / "broken.safetensors").write_bytes(b"cut")
    with pytest.raises(BadModelFile, match="The upscaler broken.safetensors cannot be used"):
        library.upscaler("broken")


GFPGAN = ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight")
RETINA = ("ClassHead.0.conv1x1.weight", "LandmarkHead.0.conv1x1.weight")


def test_faces_and_upscalers_know_each_other_s_places(library: Library, paths: Paths) -> None:
    write(paths.models / "GFPGAN" / "GFPGANv1.4.safetensors", dict.fromkeys(GFPGAN, (1, 1)))
    write(paths.models / "Codeformer" / "detection.safetensors", dict.fromkeys(RETINA, (1, 1)))
    write(paths.models / "ESRGAN" / "GFPGANv1.3.safetensors", dict.fromkeys(GFPGAN, (1, 1)))
    small.save(paths.models / "GFPGAN" / "4x.safetensors", small.esrgan())
    faces = {card.name: card for card in library.faces()}
    assert [(card.family, card.trouble) for name, card in sorted(faces.items()) if name != "4x"] == [("GFPGAN", ""), ("RetinaFace", "")]
    assert "models/ESRGAN" in faces["4x"].trouble
    assert "models/GFPGAN" in library.upscalers()[0].trouble


def test_odd_shapes_do_no_harm() -> None:
    for names in [sign.rows[0] for sign in signs.SIGNS]:
        for shape in ((), (0,), (0, 0, 0, 0), (1, 2, 3, 3)):
            assert signs.recognised(Header(dict.fromkeys(names, Entry("F32", shape)))).architecture
