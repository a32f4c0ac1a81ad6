"""SDXL and Stable Diffusion 2.x through the whole engine, offline: text, picture, mask, second pass, refiner, batch; what is refused and how it is told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import Unsupported
from modules.core.options import Looks
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress, Result
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from tests.engine.conftest import pixels
from tests.networks import tiny, tiny_xl


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("xl")
    place = data / "models" / "Stable-diffusion"
    tiny.save_single(place / "base.safetensors", tiny_xl.ldm_tensors(tiny_xl.base()))
    tiny.save_single(place / "inpaint.safetensors", tiny_xl.ldm_tensors(tiny_xl.base(3, channels=9)))
    tiny.save_single(place / "old.safetensors", tiny.ldm_tensors(*tiny.parts()))
    tiny.save_single(place / "refiner.safetensors", tiny_xl.ldm_tensors(tiny_xl.refiner(), big="conditioner.embedders.0.model."))
    tiny.save_single(place / "second.safetensors", tiny_xl.second_tensors(tiny_xl.second()))
    tiny.save_single(place / "second-inpaint.safetensors", tiny_xl.second_tensors(tiny_xl.second(4, channels=9)))
    torch.save({"state_dict": tiny_xl.second_tensors(tiny_xl.second())}, place / "pickled.ckpt")
    (place / "pickled.yaml").write_text((place / "second.yaml").read_text())
    (data / "models" / "embeddings").mkdir()
    save_file({"clip_l": torch.ones(1, tiny_xl.SMALL), "clip_g": torch.ones(1, tiny_xl.BIG)}, data / "models" / "embeddings" / "wide.safetensors")
    torch.save(
        {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.ones(2, tiny_xl.BIG)}, "name": "oldish"}, data / "models" / "embeddings" / "oldish.pt"
    )
    library = Library(Paths(data=data, models=data / "models"), HashCache(None))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"), looks=lambda: Looks(preview_interval=0.001), converted=data / "cache")


def kept(engine: Engine, image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return engine.blobs.put(stream.getvalue())


def draw(engine: Engine, report: Any = lambda event: None, **values: Any) -> Result:
    tree = {"prompt": "a cat", "model": "base", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler a", **values}
    return engine.run(from_dict(GenerationRequest, tree), report, lambda: Cancel.NONE, False)


def test_a_picture_with_its_previews_and_text(engine: Engine) -> None:
    seen: list[Progress] = []
    made = draw(engine, lambda event: seen.append(event) if isinstance(event, Progress) else None, negative_prompt="a (dog:1.2)").pictures[0]
    assert (made.width, made.height) == (64, 64) and pixels(made).std() > 0
    assert any(event.preview for event in seen)
    assert "Model: base" in made.infotext
    assert np.array_equal(pixels(made), pixels(draw(engine, negative_prompt="a (dog:1.2)").pictures[0]))


def test_alone_and_in_a_batch_it_is_the_same(engine: Engine) -> None:
    batch = draw(engine, batch_size=2, prompt="a [cat:dog:0.5] AND a tree").pictures
    assert draw(engine, seed=2, prompt="a [cat:dog:0.5] AND a tree").pictures[0].data == batch[1].data


def test_size_and_crop_reach_the_network(engine: Engine) -> None:
    plain = pixels(draw(engine).pictures[0])
    assert not np.array_equal(plain, pixels(draw(engine, framing={"left": 512}).pictures[0]))
    assert np.array_equal(plain, pixels(draw(engine, framing={"high": 9.0}).pictures[0]))  # the base is told no score


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_a_second_pass(engine: Engine, upscaler: str) -> None:
    made = draw(engine, hires={"enabled": True, "upscaler": upscaler, "scale": 1.5}).pictures[0]
    assert (made.width, made.height) == (96, 96)


@pytest.mark.parametrize("model", ["base", "inpaint"])
def test_pictures_and_masks(engine: Engine, model: str) -> None:
    grey = kept(engine, Image.new("RGB", (64, 64), (90, 120, 30)))
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    whole = pixels(draw(engine, model=model, init={"image": grey, "strength": 0.6}).pictures[0])
    wish = {"image": kept(engine, mask), "blur_x": 0, "blur_y": 0}
    part = pixels(draw(engine, model=model, init={"image": grey, "strength": 0.6}, mask=wish).pictures[0])
    assert whole.std() > 1 and np.all(part[:, 40:] == (90, 120, 30)) and part[:, :32].std() > 1


def test_the_refiner_takes_over(engine: Engine) -> None:
    first, second = (pixels(draw(engine, model=model, steps=4).pictures[0]) for model in ("base", "refiner"))
    refined = {share: draw(engine, steps=4, refiner={"checkpoint": "refiner", "switch_at": share}).pictures[0] for share in (0.0, 0.5, 1.0)}
    assert np.array_equal(pixels(refined[0.0]), second) and np.array_equal(pixels(refined[1.0]), first)
    assert not np.array_equal(pixels(refined[0.5]), first) and not np.array_equal(pixels(refined[0.5]), second)
    scored = draw(engine, steps=4, refiner={"checkpoint": "refiner", "switch_at": 0.5}, framing={"high": 9.0}).pictures[0]
    assert not np.array_equal(pixels(scored), pixels(refined[0.5]))
    assert "Refiner: refiner [" in refined[0.5].infotext


@pytest.mark.parametrize("model", ["base", "refiner", "second"])
def test_what_weights_do_is_measured(engine: Engine, model: str) -> None:
    found = engine.weigh(from_dict(GenerationRequest, {"prompt": "a (red:1.4) cat", "model": model}))
    tokens = [token for part in found["prompt"] for text in part["texts"] for chunk in text["chunks"] for token in chunk["tokens"]]
    assert found["measured"] and len(tokens) == 3 and tokens[1]["original"]["change"] > tokens[0]["original"]["change"]


def test_crop_and_scores_stand_in_the_text_where_they_were_set(engine: Engine) -> None:
    made = draw(engine, framing={"left": 64, "high": 7.5}).pictures[0]
    assert "SDXL crop left: 64, Aesthetic score: 7.5" in made.infotext and "Negative aesthetic" not in made.infotext


def test_another_family_does_not_take_over(engine: Engine) -> None:
    with pytest.raises(Unsupported, match="latents mean different things"):
        draw(engine, refiner={"checkpoint": "old"})


def test_both_families_take_turns(engine: Engine) -> None:
    before = draw(engine).pictures[0].data
    draw(engine, model="old")
    assert draw(engine).pictures[0].data == before


def test_what_a_person_keeps_is_named_by_where_it_lies(engine: Engine) -> None:
    card = engine.shelf.checkpoint("refiner")
    assert (card.family, Path(card.path).name) == ("sdxl-refiner", "refiner.safetensors")


def test_stable_diffusion_2_draws_and_takes_over_from_the_first(engine: Engine) -> None:
    """They share their latents."""
    made = draw(engine, model="second", negative_prompt="blurry").pictures[0]
    assert "Model: second" in made.infotext and pixels(made).std() > 0
    draw(engine, model="old", steps=4, refiner={"checkpoint": "second", "switch_at": 0.5})
    larger = draw(engine, model="second", hires={"enabled": True, "upscaler": "Latent", "scale": 1.5}).pictures[0]
    assert (larger.width, larger.height) == (96, 96)


def test_a_checkpoint_that_came_as_a_pickle(engine: Engine) -> None:
    """Converted once, by a child process; the picture is that of the same weights kept as safetensors."""
    card = engine.shelf.checkpoint("pickled")
    assert not card.trouble and card.family == "sd2"
    assert np.array_equal(pixels(draw(engine, model="pickled").pictures[0]), pixels(draw(engine, model="second").pictures[0]))
    assert (engine.converted / f"{engine.shelf.hashed(card).sha256}.safetensors").is_file()


def test_textual_inversions_of_sdxl_and_those_that_came_as_pickles(engine: Engine) -> None:
    plain, wide, old = (
        pixels(draw(engine, model=model, prompt=prompt).pictures[0]) for model, prompt in (("base", "cat"), ("base", "wide"), ("second", "oldish"))
    )
    assert not np.array_equal(plain, wide)
    made = draw(engine, model="second", prompt="oldish").pictures[0]
    assert set(made.request.embeddings) == {"oldish"} and np.array_equal(pixels(made), old)
    assert not np.array_equal(old, pixels(draw(engine, model="second", prompt="plainly").pictures[0]))


def test_an_inpainting_model_of_the_second(engine: Engine) -> None:
    grey = kept(engine, Image.new("RGB", (64, 64), (90, 120, 30)))
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    part = draw(engine, model="second-inpaint", init={"image": grey}, mask={"image": kept(engine, mask), "blur_x": 0, "blur_y": 0}).pictures[0]
    assert np.all(pixels(part)[:, 40:] == (90, 120, 30))
