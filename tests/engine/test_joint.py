"""FLUX and Stable Diffusion 3 through the whole engine: drawn, continued, masked, enlarged; and what their records say they cannot."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import EaselError, NotFound
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Result
from modules.engine.companions import beside
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.infotext.read import read_text
from modules.infotext.reading import Reading
from tests.engine.conftest import pixels
from tests.networks import tiny_joint

Draw = Callable[..., Result]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("joint")
    models = data / "models" / "Stable-diffusion"
    tiny_joint.save_folder(models / "dev", "FluxPipeline", tiny_joint.flux(), tiny_joint.DEV)
    tiny_joint.save_folder(models / "medium", "StableDiffusion3Pipeline", tiny_joint.sd3(t5_too=False), tiny_joint.SD3)
    library = Library(Paths(data=data, models=data / "models"), HashCache(None))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"))


@pytest.fixture
def draw(engine: Engine) -> Draw:
    def run(**values: object) -> Result:
        tree = {"prompt": "a (red:1.3) [cat:dog:2]", "width": 64, "height": 64, "steps": 3, "seed": 1, "sampler": "Euler", "model": "dev", **values}
        return engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False)

    return run


def png(engine: Engine) -> str:
    data = io.BytesIO()
    Image.fromarray(np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)).save(data, "PNG")
    return engine.blobs.put(data.getvalue())


@pytest.mark.parametrize("model", ["dev", "medium"])
def test_a_picture_is_the_same_alone_and_in_a_batch(draw: Draw, model: str) -> None:
    both = draw(model=model, batch_size=2).pictures
    again = draw(model=model, seed=2).pictures[0]
    assert both[0].width == 64 and np.ptp(pixels(both[0])) > 0
    assert np.array_equal(pixels(both[1]), pixels(again)) and not np.array_equal(pixels(both[0]), pixels(again))


def test_a_folder_says_which_variant_it_is(engine: Engine) -> None:
    assert [(engine.shelf.checkpoint(name).family, engine.shelf.checkpoint(name).variant) for name in ("dev", "medium")] == [
        ("flux", "dev"),
        ("sd3", "3.5-medium"),
    ]


def test_distilled_guidance_acts_and_is_told(draw: Draw) -> None:
    plain, strict = (draw(guidance={"distilled": scale}).pictures[0] for scale in (3.5, 9.0))
    assert not np.array_equal(pixels(plain), pixels(strict))
    assert "Distilled CFG Scale: 9.0" in strict.infotext and "Distilled" not in plain.infotext


@pytest.mark.parametrize("sampler", ["Euler a", "Heun", "LMS", "DPM2 a", "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE"])
def test_samplers_of_the_record_draw(draw: Draw, sampler: str) -> None:
    assert np.ptp(pixels(draw(sampler=sampler, model="medium").pictures[0])) > 0


def test_start_picture_mask_and_second_pass(draw: Draw, engine: Engine) -> None:
    start = png(engine)
    near, far = (pixels(draw(init={"image": start, "strength": strength}).pictures[0]) for strength in (0.2, 1.0))
    original = np.asarray(Image.open(io.BytesIO(engine.blobs.get(start))))
    assert np.abs(near.astype(int) - original).mean() < np.abs(far.astype(int) - original).mean()
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    data = io.BytesIO()
    Image.fromarray(half).save(data, "PNG")
    mask = engine.blobs.put(data.getvalue())
    assert np.array_equal(pixels(draw(init={"image": start}, mask={"image": mask}).pictures[0])[:, :20], original[:, :20])
    assert draw(init={"image": start, "strength": 1.0}, mask={"image": mask, "soft": {"enabled": True}}).pictures
    assert draw(hires={"enabled": True, "scale": 1.25}).pictures[0].width == 80


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"sampler": "DDIM"}, "sampler"),
        ({"sampler": "LCM"}, "sampler"),
        ({"schedule": "KL Optimal"}, "schedule"),
        ({"negative_prompt": "blue"}, "negative_prompt"),
        ({"cfg_scale": 4.0}, "cfg_scale"),
        ({"tiling": True}, "tiling"),
        ({"text": {"emphasis": "compel"}}, "text.emphasis"),
        ({"spacing": {"sigmas": [2.0, 1.0]}}, "spacing.sigmas"),
        ({"model": "medium", "guidance": {"distilled": 2.0}}, "guidance.distilled"),
    ],
)
def test_what_the_record_lacks_is_refused_by_name(draw: Draw, wish: dict[str, object], field: str) -> None:
    with pytest.raises(EaselError) as refused:
        draw(**wish)
    assert refused.value.field == field and refused.value.remedy


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A bundle, and a transformer alone with its companions in their folders."""
    data = tmp_path_factory.mktemp("single")
    models, parts = data / "models", tiny_joint.flux()
    for place in ("Stable-diffusion", "text_encoder", "VAE"):
        (models / place).mkdir(parents=True)
    tiny_joint.save_folder(models / "Stable-diffusion" / "folder", "FluxPipeline", parts, tiny_joint.DEV)
    save_file(tiny_joint.single_file(parts), models / "Stable-diffusion" / "bundle.safetensors")
    save_file(tiny_joint.single_file(parts, bundle=False), models / "Stable-diffusion" / "alone.safetensors")
    tiny_joint.save_gguf(models / "Stable-diffusion" / "blocks.gguf", tiny_joint.single_file(parts, bundle=False))
    save_file(tiny_joint.encoder_tensors(parts["text_encoder"]), models / "text_encoder" / "clip_l.safetensors")
    save_file(
        {name: tensor + 0.01 for name, tensor in tiny_joint.encoder_tensors(parts["text_encoder"]).items()}, models / "text_encoder" / "other_l.safetensors"
    )
    save_file(tiny_joint.encoder_tensors(parts["text_encoder_2"]), models / "text_encoder" / "t5xxl.safetensors")
    save_file(tiny_joint.vae_tensors(parts["vae"]), models / "VAE" / "ae.safetensors")
    save_file({name: tensor * 0 for name, tensor in tiny_joint.vae_tensors(parts["vae"]).items()}, models / "VAE" / "a-sd3.safetensors")
    return Engine(Library(Paths(data=data, models=models), HashCache(None)), Outputs(data / "outputs"), Blobs(data / "inputs"))


def drawn(engine: Engine, **values: object) -> Picture:
    tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", **values}
    (picture,) = engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False).pictures
    return picture


def test_whichever_way_a_model_is_kept_it_draws_the_same(shelves: Engine) -> None:
    folder, bundle, alone, blocks = (drawn(shelves, model=name) for name in ("folder", "bundle", "alone", "blocks"))
    assert all(np.array_equal(pixels(folder), pixels(one)) for one in (bundle, alone, blocks))
    assert list(alone.request.companions) == ["clip_l", "t5xxl", "ae"] and not bundle.request.companions
    assert "Module 1: clip_l, Module 2: t5xxl, Module 3: ae" in alone.infotext and "Module" not in folder.infotext


def test_companions_are_named_and_bound_by_their_hash(shelves: Engine) -> None:
    usual = drawn(shelves, model="alone")
    other = drawn(shelves, model="alone", companions={"other_l": ""})
    assert list(other.request.companions) == ["other_l", "t5xxl", "ae"] and not np.array_equal(pixels(usual), pixels(other))
    again = shelves.run(other.request, lambda event: None, lambda: Cancel.NONE, False).pictures[0]
    assert again.request == other.request and np.array_equal(pixels(again), pixels(other))
    with pytest.raises(NotFound) as refused:
        drawn(shelves, model="alone", companions={"clip_l": "0" * 64})
    assert refused.value.field == "companions" and "0000000000" in refused.value.what


def test_a_missing_companion_is_said_with_its_place(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "Stable-diffusion").mkdir(parents=True)
    save_file(tiny_joint.single_file(tiny_joint.flux(), bundle=False), models / "Stable-diffusion" / "alone.safetensors")
    engine = Engine(Library(Paths(data=tmp_path, models=models), HashCache(None)), Outputs(tmp_path / "outputs"), Blobs(tmp_path / "inputs"))
    with pytest.raises(NotFound) as refused:
        drawn(engine, model="alone")
    assert "CLIP-L, the text encoder T5-XXL and a VAE" in refused.value.what
    assert "clip_l.safetensors into models/text_encoder" in refused.value.remedy and "ae.safetensors into models/VAE" in refused.value.remedy


def test_weights_are_not_measured_where_nothing_is_in_chunks(engine: Engine) -> None:
    with pytest.raises(EaselError, match="chunks"):
        engine.weigh(GenerationRequest(prompt="a (red:1.3) cat", model="medium", sampler="Euler"))


def test_names_without_hashes_are_looked_for(shelves: Engine) -> None:
    """Forge names text encoders and VAE of a picture, and no hashes."""
    text = "x\nSteps: 3, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Seed: 1, Size: 64x64, Model: {}, Version: f2.0.1, Module 1: CLIP_L, Module 2: ae, Module 3: gone"

    def looked(model: str) -> Reading:
        reading = read_text(text.format(model))
        assert list(reading.request.companions) == ["CLIP_L", "ae", "gone"] and isinstance(shelves.shelf, Library)
        return reading.with_modules(*beside(reading.request, shelves.shelf))

    def states(reading: Reading) -> list[str]:
        return [row.state for row in reading.rows if row.key.startswith("Module")]

    alone, whole, away = looked("alone"), looked("bundle"), looked("nowhere")
    assert alone.request.companions == {"CLIP_L": "", "ae": ""} and states(alone) == ["restored", "restored", "not restored"]
    assert not whole.request.companions and whole.request.vae == "ae.safetensors" and states(whole) == ["not restored", "restored", "not restored"]
    assert away.request.companions == alone.request.companions and away.request.vae == alone.request.vae
