"""LoRAs in whole runs on a tiny model: named in prompts, recorded, worn by the passes that ask for them, and gone afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import InvalidRequest, NotFound, Unsupported
from modules.core.params import from_dict, to_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Result
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.infotext import a1111
from tests.engine.conftest import pixels
from tests.networks import lora_files, tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("loras")
    unet, vae, text_encoder = tiny.parts()
    tiny.save_single(data / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(unet, vae, text_encoder))
    parts = {"unet": unet, "vae": vae, "text_encoder": text_encoder}
    place = data / "models" / "Lora"
    lora_files.save(place / "first.safetensors", lora_files.kohya(parts), {"ss_output_name": "called otherwise"})
    lora_files.save(place / "sub" / "second.safetensors", lora_files.kohya(parts, seed=500))
    return data


@pytest.fixture(scope="module")
def engine(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    library = Library(Paths(data=models, models=models / "models"), HashCache(None))
    outputs, inputs, converted = (tmp_path_factory.mktemp(name) for name in ("outputs", "inputs", "converted"))
    return Engine(library, Outputs(outputs), Blobs(inputs), converted=converted)


def draw(engine: Engine, prompt: str, **values: object) -> Result:
    tree = {"prompt": prompt, "model": "tiny", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", **values}
    return engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False)


def image(engine: Engine, prompt: str, **values: object) -> np.ndarray:
    return pixels(draw(engine, prompt, **values).pictures[0])


def test_a_lora_changes_the_picture_is_recorded_and_leaves_nothing_behind(engine: Engine) -> None:
    before = draw(engine, "a cat").pictures[0]
    result = draw(engine, "a cat <lora:first:0.8>")
    (picture,) = result.pictures
    digest = picture.request.loras["first"]
    assert not np.array_equal(pixels(picture), pixels(before))
    assert f'Lora hashes: "first: {digest[:12]}"' in picture.infotext and len(digest) == 64
    assert any(note.startswith("LoRA first: ") and " keys applied" in note for note in result.notes)
    assert draw(engine, "a cat").pictures[0].data == before.data
    (again,) = engine.run(picture.request, lambda event: None, lambda: Cancel.NONE, False).pictures
    assert again.data == picture.data


@pytest.mark.parametrize("name", ["first", "FIRST", "first.safetensors", "called otherwise", "Called Otherwise"])
def test_every_name_of_a_file_means_the_same(engine: Engine, name: str) -> None:
    assert np.array_equal(image(engine, f"a cat <lora:{name}:0.8>"), image(engine, "a cat <lyco:first:0.8:0.8>"))


def test_it_is_found_by_its_hash(engine: Engine) -> None:
    digest = draw(engine, "a <lora:second:1>").pictures[0].request.loras["second"]
    assert np.array_equal(image(engine, f"a <lora:{digest[:12]}:1>"), image(engine, "a <lora:sub/second:1>"))


@pytest.mark.parametrize("ending", ["pt", "ckpt"])
def test_a_pickle_does_what_its_weights_do_in_safetensors(engine: Engine, models: Path, ending: str) -> None:
    """Read by a child process, and kept beside by its hash."""
    place = models / "models" / "Lora"
    torch.save({"state_dict": load_file(place / "first.safetensors")} if ending == "ckpt" else load_file(place / "first.safetensors"), place / f"old.{ending}")
    assert isinstance(engine.shelf, Library)
    engine.shelf.refresh()
    result = draw(engine, "a cat <lora:old:0.8>")
    assert result.pictures[0].data == draw(engine, "a cat <lora:old:0.8>").pictures[0].data
    assert np.array_equal(pixels(result.pictures[0]), image(engine, "a cat <lora:first:0.8>"))
    digest = hashlib.sha256((place / f"old.{ending}").read_bytes()).hexdigest()
    assert result.pictures[0].request.loras["old"] == digest and (engine.converted / f"{digest}.safetensors").is_file()
    (place / f"old.{ending}").unlink()
    engine.shelf.refresh()


def test_weights_of_text_encoder_and_unet(engine: Engine) -> None:
    prompts = ("a cat", "a cat <lora:first:0.8:0>", "a cat <lora:first:0:0.8>", "a cat <lora:first:0.8>")
    images = [image(engine, prompt) for prompt in prompts]
    assert all(not np.array_equal(one, other) for index, one in enumerate(images) for other in images[:index])
    assert np.array_equal(image(engine, "a cat <lora:first:0>"), images[0])
    assert np.array_equal(image(engine, "a cat <lora:first:0.3> <lora:first:0.5>"), images[3])


def test_the_order_of_several_does_not_matter(engine: Engine) -> None:
    assert np.array_equal(image(engine, "a <lora:first:0.5><lora:second:0.7>"), image(engine, "a <lora:second:0.7><lora:first:0.5>"))


def test_one_that_is_not_here_is_said_and_the_picture_drawn(engine: Engine) -> None:
    result = draw(engine, "a cat <lora:frist:0.8>")
    assert np.array_equal(pixels(result.pictures[0]), image(engine, "a cat"))
    assert "There is no LoRA 'frist', so the picture was drawn without it. Nearest: first" in " ".join(result.notes)
    assert not result.request.loras


def test_a_recorded_hash_is_binding(engine: Engine) -> None:
    request = draw(engine, "a cat <lora:first:0.8>").request
    for loras in ({"first": "0" * 64}, {"first": draw(engine, "<lora:second:1>").request.loras["second"][:12]}):
        tree = to_dict(request) | {"loras": loras}
        if loras["first"].startswith("0000"):
            with pytest.raises(NotFound, match="another file has that name") as caught:
                engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False)
            assert caught.value.remedy
        else:  # the same weights under another name are taken
            (picture,) = engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False).pictures
            assert np.array_equal(pixels(picture), image(engine, "a cat <lora:second:0.8>"))
    with pytest.raises(NotFound, match="it is not here"):
        draw(engine, "<lora:gone:1>", loras={"gone": "ab" * 32})


def test_the_second_pass_wears_what_its_own_prompt_asks_for(engine: Engine) -> None:
    hires = {"enabled": True, "scale": 1.5, "steps": 1}
    both = image(engine, "a <lora:first:0.8>", hires=hires)
    only_first = image(engine, "a <lora:first:0.8>", hires={**hires, "prompt": "a"})
    only_second = draw(engine, "a", hires={**hires, "prompt": "a <lora:second:0.8>"})
    assert not np.array_equal(both, only_first)
    assert set(only_second.request.loras) == {"second"}
    assert not np.array_equal(pixels(only_second.pictures[0]), image(engine, "a", hires=hires))


def test_comments_take_marks_with_them_and_negative_marks_are_said(engine: Engine) -> None:
    assert not draw(engine, "a cat\n# <lora:first:1>").request.loras
    result = draw(engine, "a cat", negative_prompt="b <lora:first:1>")
    assert "acts only from the prompt" in " ".join(result.notes) and not result.request.loras


def test_a_weight_that_is_no_number_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="much"):
        draw(engine, "<lora:first:much>")


def test_one_for_another_kind_of_model_is_refused_and_the_next_picture_is_as_before(engine: Engine, models: Path) -> None:
    before = draw(engine, "a cat").pictures[0]
    wide = {
        f"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_{end}.weight": lora_files.random(*shape, seed=1)
        for end, shape in (("down", (4, 2048)), ("up", (32, 4)))
    }
    save_file(wide, models / "models" / "Lora" / "wide.safetensors")
    engine.shelf.refresh()  # type: ignore[attr-defined]
    with pytest.raises(Unsupported, match="made for") as caught:
        draw(engine, "a cat <lora:wide:1>")
    assert caught.value.remedy
    assert draw(engine, "a cat").pictures[0].data == before.data


def test_a_foreign_text_with_hashes_names_what_is_missing(engine: Engine) -> None:
    reading = a1111.read('a <lora:nowhere:1>\nSteps: 2, Sampler: Euler, Seed: 1, Size: 64x64, Lora hashes: "nowhere: 0123456789ab"')
    assert reading.request.loras == {"nowhere": "0123456789ab"}


def test_a_plot_goes_over_marks_by_search_and_replace(engine: Engine) -> None:
    values = "<lora:first:0>, <lora:first:0.8>, <lora:second:1>"
    script = {"name": "X/Y/Z plot", "args": {"x_type": "Prompt S/R", "x_values": values, "include_pictures": True}}
    cells = draw(engine, "a cat <lora:first:0>", script=script).pictures[1:]
    assert [list(cell.request.loras) for cell in cells] == [["first"], ["first"], ["second"]]
    wanted = [image(engine, f"a cat {mark}") for mark in values.split(", ")]
    assert all(np.array_equal(pixels(cell), one) for cell, one in zip(cells, wanted, strict=True))
