"""A VAE in a file of its own: found by name, hash or the checkpoint's name, refused where it cannot fit; and in full precision where half of it overflows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.catalog import beside
from modules.catalog.card import Card
from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import BadModelFile, EaselError, NotFound, Unsupported
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Result
from modules.engine import vae_names
from modules.engine.autoencoders import TILED
from modules.engine.generate import Engine
from modules.engine.healing import VAE_FULL
from modules.engine.save import Outputs
from modules.infotext.read import read_text
from modules.memory.device import Machine
from modules.networks import ldm_names
from tests.engine.conftest import pixels
from tests.engine.refining import drawn
from tests.engine.test_outpaint import kept
from tests.imaging import painting
from tests.networks import tiny

LEVELS = len(tiny.VAE_LEVELS)


def saved(path: Path, tensors: dict[str, Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, path)
    return path


def ldm(vae: Any, prefix: str = "") -> dict[str, Tensor]:
    return {prefix + ldm_names.vae(name, LEVELS).removeprefix(ldm_names.VAE): tensor for name, tensor in vae.state_dict().items()}


def loud() -> Any:
    """One whose activations half precision cannot hold, though it holds its weights."""
    vae = tiny.parts(seed=6)[1]
    with torch.no_grad():
        vae.decoder.conv_in.weight.mul_(20000).copy_(vae.decoder.conv_in.weight.half().float())
    return vae


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("vaes")
    folder, place = data / "models" / "Stable-diffusion", data / "models" / "VAE"
    unet, own, text = tiny.parts()
    film, other = tiny.parts(seed=5)[1], tiny.parts(seed=7)[1]
    for name, vae in (("tiny", own), ("baked", film), ("beside", own), ("called", own), ("loudly", loud())):
        tiny.save_single(folder / f"{name}.safetensors", tiny.ldm_tensors(unet, vae, text))
    tiny.save_single(folder / "nine.safetensors", tiny.ldm_tensors(*tiny.parts(channels=9)))
    tiny.save_single(folder / "later.safetensors", tiny.ldm_tensors(tiny.parts(seed=9)[0], own, text))
    saved(folder / "later.vae.safetensors", ldm(film))
    saved(place / "film.safetensors", ldm(film))
    saved(place / "prefixed.safetensors", ldm(film, "first_stage_model."))
    saved(place / "diffusers.safetensors", film.state_dict())
    torch.save({"state_dict": {name: tensor.half() for name, tensor in ldm(film).items()}}, place / "old.vae.pt")
    saved(place / "other.safetensors", ldm(other))
    saved(folder / "beside.vae.safetensors", ldm(film))
    saved(place / "beside.safetensors", ldm(other))
    saved(place / "called.v2.safetensors", ldm(film))
    saved(place / "calledup.safetensors", ldm(other))
    saved(place / "cut.safetensors", {name: tensor for name, tensor in ldm(film).items() if "up.1" not in name})
    saved(place / "sdxl_vae.safetensors", ldm(film))
    saved(folder / "pickled.safetensors", tiny.ldm_tensors(unet, own, text))
    torch.save({"state_dict": {name: tensor.half() for name, tensor in ldm(film).items()}}, folder / "pickled.vae.pt")
    folder.joinpath("pickled.yaml").write_text(folder.joinpath("tiny.yaml").read_text())
    saved(place / "wide.safetensors", {**ldm(film), "decoder.conv_in.weight": torch.zeros(32, 16, 3, 3)})
    return Engine(
        Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db")),
        Outputs(data / "outputs"),
        Blobs(data / "inputs"),
        converted=data / "converted",
    )


def picture(engine: Engine, **values: Any) -> np.ndarray:
    return pixels(drawn(engine, **values).pictures[0])


def text(result: Result) -> str:
    return result.pictures[0].infotext


@pytest.mark.parametrize("name", ["film", "film.safetensors", "FILM.safetensors", "prefixed", "diffusers", "old.vae.pt"])
def test_it_draws_as_a_checkpoint_that_has_it_built_in(engine: Engine, name: str) -> None:
    assert np.array_equal(picture(engine, vae=name), picture(engine, model="baked"))
    assert not np.array_equal(picture(engine, vae=name), picture(engine))


def test_start_pictures_come_through_it_too(engine: Engine) -> None:
    start = kept(engine, painting.ramp(64, 64))
    values: dict[str, Any] = {"init__image": start, "init__strength": 0.2}
    assert np.array_equal(picture(engine, vae="film", **values), picture(engine, model="baked", **values))


@pytest.mark.parametrize(
    ("noted", "as_with"),
    [
        ("film.safetensors", "film"),
        ("other", "other"),
        ("Automatic", "called.v2.safetensors"),
        ("None", "None"),
        ("gone", "called.v2.safetensors"),
        ("wide", "called.v2.safetensors"),
    ],
)
def test_automatic_takes_what_a_person_noted_for_the_checkpoint(engine: Engine, noted: str, as_with: str) -> None:
    lead = engine.shelf.checkpoint("called")
    expected = vae_names.settled(GenerationRequest(vae=as_with), lead, engine.shelf)
    beside.write_notes(lead.path, lead.name, beside.Notes(vae=noted))
    try:
        assert vae_names.settled(GenerationRequest(), lead, engine.shelf) == expected
    finally:
        (lead.path.parent / "called.json").unlink()


def test_what_was_found_is_recorded_and_comes_back(engine: Engine) -> None:
    result = drawn(engine, vae="film")
    made = result.pictures[0].request
    digest = engine.shelf.hashed(engine.shelf.named("vae", "film")).sha256
    assert (made.vae, made.vae_hash) == ("film.safetensors", digest)
    assert f"VAE hash: {digest[:10]}, VAE: film.safetensors, " in text(result)
    again = read_text(text(result)).request
    assert (again.vae, again.vae_hash) == ("film.safetensors", digest[:10])
    assert np.array_equal(picture(engine, vae=again.vae, vae_hash=again.vae_hash), pixels(result.pictures[0]))
    assert np.array_equal(picture(engine, vae="moved.pt", vae_hash=digest[:10]), pixels(result.pictures[0])), "the same file under another name"
    plain = drawn(engine)
    assert "VAE" not in text(plain) and plain.pictures[0].request.vae == "None"
    assert read_text(text(plain)).request.vae == "None", "else a file that came since would change it"


@pytest.mark.parametrize(
    ("model", "found"), [("beside", "beside.vae.safetensors"), ("called", "called.v2.safetensors"), ("pickled", "pickled.vae.pt"), ("tiny", "None")]
)
def test_automatic_goes_by_the_checkpoints_name(engine: Engine, model: str, found: str) -> None:
    result = drawn(engine, model=model)
    assert result.pictures[0].request.vae == found
    assert np.array_equal(pixels(result.pictures[0]), picture(engine, model="tiny" if found == "None" else "baked"))
    assert np.array_equal(picture(engine, model=model, vae="None"), picture(engine, model="tiny"))


def test_a_plot_of_checkpoints_finds_each_its_own(engine: Engine) -> None:
    plot = {"name": "X/Y/Z plot", "args": {"x_type": "Checkpoint name", "x_values": "tiny, beside", "include_pictures": True}}
    made = drawn(engine, script__name=plot["name"], script__args=plot["args"]).pictures
    assert [one.request.vae for one in made[-2:]] == ["None", "beside.vae.safetensors"]
    plot["args"] = {"x_type": "VAE", "x_values": "None, film, other", "include_pictures": True}
    made = drawn(engine, script__name=plot["name"], script__args=plot["args"]).pictures
    assert [one.request.vae for one in made[-3:]] == ["None", "film.safetensors", "other.safetensors"]
    assert np.array_equal(pixels(made[-2]), picture(engine, model="baked"))


def test_one_that_cannot_stand_in_is_refused_and_leaves_no_trace(engine: Engine) -> None:
    before = picture(engine)
    cases: tuple[tuple[dict[str, Any], type[EaselError], str], ...] = (
        ({"vae": "wide"}, Unsupported, r"wide.safetensors has 16 channels of latents, and tiny \(Stable Diffusion 1.x\) works with 4"),
        ({"vae": "cut"}, BadModelFile, "cut.safetensors cannot be loaded"),
        ({"vae": "flim"}, NotFound, "film"),
        ({"vae": "film", "vae_hash": "0" * 10}, NotFound, "another file"),
    )
    for values, kind, told in cases:
        with pytest.raises(kind, match=told) as caught:
            drawn(engine, **values)
        assert caught.value.field == "vae" and caught.value.remedy
    assert np.array_equal(picture(engine), before)


def test_a_file_that_is_called_like_another_familys_is_said_and_taken(engine: Engine) -> None:
    result = drawn(engine, vae="sdxl_vae")
    assert any("seems to be made for Stable Diffusion XL" in note or "SDXL" in note for note in result.notes)
    assert np.array_equal(pixels(result.pictures[0]), picture(engine, model="baked")) and not drawn(engine, vae="film").notes


def test_a_refiner_decodes_with_it_too(engine: Engine) -> None:
    values: dict[str, Any] = {"refiner__checkpoint": "loudly", "refiner__switch_at": 0.5, "vae": "film"}
    assert np.array_equal(picture(engine, **values), picture(engine, model="baked", refiner__checkpoint="baked"))


def test_a_refiner_finds_its_own_where_the_choice_is_open(engine: Engine) -> None:
    """A1111 looks again whenever another checkpoint is loaded. What was found is recorded for each, and a file that comes later changes nothing."""
    values: dict[str, Any] = {"refiner__checkpoint": "later", "refiner__switch_at": 0.5}
    made = drawn(engine, **values).pictures[0]
    assert (made.request.vae, made.request.refiner.vae, len(made.request.refiner.vae_hash)) == ("None", "later.vae.safetensors", 64)
    same = drawn(engine, **values, vae="None", refiner__vae="later.vae").pictures[0]
    assert np.array_equal(pixels(same), pixels(made))
    plain = drawn(engine, **values, vae="None").pictures[0]
    assert plain.request.refiner.vae == "" and not np.array_equal(pixels(plain), pixels(made)), "what the request names is for both"
    again = engine.run(made.request, lambda event: None, lambda: Cancel.NONE, save=False).pictures[0]
    assert again.data == made.data and again.request == made.request
    other = drawn(engine, model="later", refiner__checkpoint="tiny", refiner__switch_at=0.5).pictures[0]
    assert (other.request.vae, other.request.refiner.vae) == ("later.vae.safetensors", "None")


@pytest.mark.parametrize(("model", "refiner"), [("tiny", "nine"), ("nine", "tiny")])
def test_an_inpainting_model_and_one_that_is_none_are_no_pair(engine: Engine, model: str, refiner: str) -> None:
    with pytest.raises(Unsupported, match=f"{refiner} .* cannot take over from {model} ") as caught:
        drawn(
            engine,
            report=lambda event: pytest.fail("nothing was drawn yet") if getattr(event, "phase", "") == "sampling" else None,
            model=model,
            refiner__checkpoint=refiner,
        )
    assert "inpainting model" in caught.value.what and caught.value.remedy


def test_the_weight_of_the_mask_is_told_of_inpainting_models_alone(engine: Engine) -> None:
    assert "Denoising strength" not in text(drawn(engine, model="nine")) and ", Conditional mask weight: 1.0," in text(drawn(engine, model="nine"))
    start = kept(engine, painting.ramp(64, 64))
    assert "Conditional mask weight: 0.5" in text(drawn(engine, model="nine", init__image=start, init__mask_weight=0.5))
    assert "Conditional mask weight" not in text(drawn(engine, init__image=start, init__mask_weight=0.5))


@pytest.fixture
def half(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """On a machine whose autoencoders work in fp16."""
    engine.unload()
    monkeypatch.setattr(Machine, "vae_dtype", lambda self, precision: torch.float16)
    return engine


def test_an_overflow_is_drawn_again_in_full_precision_and_said(engine: Engine, half: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    result = drawn(half, model="loudly")
    (made,) = result.pictures
    assert VAE_FULL in result.notes and made.request.vae_full and "VAE upcast: True" in made.infotext
    assert read_text(made.infotext).request.vae_full
    assert pixels(made).std() > 5, "no black picture"
    assert np.array_equal(picture(half, model="loudly", vae_full=True), pixels(made)), "what its record says makes it again"
    loaded = half.models.load(half.shelf.hashed(half.shelf.checkpoint("loudly")), "fp32").model
    assert loaded.parts["vae"].dtype == torch.float16, "as it was before"
    quiet = drawn(half)
    assert not quiet.notes and not quiet.pictures[0].request.vae_full
    half.unload()
    monkeypatch.undo()
    assert np.array_equal(picture(engine, model="loudly"), pixels(made)), "the very pixels of a machine that works in fp32"


def test_what_had_come_through_before_the_overflow_is_done_again_too(half: Engine) -> None:
    start = kept(half, painting.ramp(64, 64))
    values: dict[str, Any] = {"model": "loudly", "init__image": start, "init__strength": 0.5}
    result = drawn(half, **values)
    assert VAE_FULL in result.notes and result.pictures[0].request.vae_full
    assert np.array_equal(picture(half, vae_full=True, **values), pixels(result.pictures[0]))


def test_a_family_with_a_pipeline_of_its_own_has_no_such_choice(engine: Engine) -> None:
    lead = Card(path=Path("/m/other"), name="other", family="pipeline")
    for said in ("Automatic", "None"):
        assert vae_names.settled(GenerationRequest(vae=said), lead, engine.shelf) == ("Automatic", ""), "as its record takes it"


def test_where_memory_is_short_it_works_in_tiles_and_the_record_makes_the_same_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    wide: dict[str, Any] = {"width": 576, "height": 64, "steps": 1, "init__image": kept(engine, painting.ramp(576, 64))}
    plain = drawn(engine, **wide)
    assert not plain.notes and not plain.pictures[0].request.vae_tiled
    with monkeypatch.context() as patch:
        patch.setattr(Machine, "free", lambda self: 2**20)
        result = drawn(engine, **wide)
        assert not drawn(engine, width=64, height=64).pictures[0].request.vae_tiled, "smaller than a tile"
    (made,) = result.pictures
    assert TILED in result.notes and made.request.vae_tiled and "VAE tiled: True" in made.infotext
    assert not np.array_equal(pixels(made), pixels(plain.pictures[0]))
    again = drawn(engine, **wide, vae_tiled=True)
    assert np.array_equal(pixels(again.pictures[0]), pixels(made)) and TILED not in again.notes
    assert np.abs(pixels(made).astype(float) - pixels(plain.pictures[0])).mean() < 16
