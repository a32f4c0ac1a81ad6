"""FLUX and Stable Diffusion 3 through the whole engine: drawn, continued, masked, enlarged; and what their records say they cannot."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import EaselError
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Result
from modules.engine.generate import Engine
from modules.engine.save import Outputs
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
        ({"text": {"clip_skip": 2}}, "text.clip_skip"),
        ({"text": {"emphasis": "compel"}}, "text.emphasis"),
        ({"spacing": {"sigmas": [2.0, 1.0]}}, "spacing.sigmas"),
        ({"model": "medium", "guidance": {"distilled": 2.0}}, "guidance.distilled"),
    ],
)
def test_what_the_record_lacks_is_refused_by_name(draw: Draw, wish: dict[str, object], field: str) -> None:
    with pytest.raises(EaselError) as refused:
        draw(**wish)
    assert refused.value.field == field and refused.value.remedy
