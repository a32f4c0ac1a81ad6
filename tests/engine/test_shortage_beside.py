"""Memory that runs short beside the drawing, in Extras and in a script's upscaler: the same ladder, the same promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from modules.core.errors import OutOfMemory
from modules.core.extras import ExtrasRequest
from modules.core.params import from_dict
from modules.core.result import Cancel, Result
from modules.engine.generate import Engine
from tests.engine import control_studio, shortage
from tests.engine.shortage import ERRORS, Short, wish
from tests.networks import small, small_faces

BESIDE = ("loading", "upscaling", "restoring faces")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("beside")
    small.save(data / "models" / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
    small.save(data / "models" / "GFPGAN" / "detection_Resnet50_Final.pth", small_faces.detector())
    return shortage.engine(data)


def enlarged(engine: Engine, **values: Any) -> ExtrasRequest:
    image = control_studio.kept(engine, control_studio.picture(0, (96, 96)))
    return from_dict(ExtrasRequest, {"images": [image], "upscaler": "2x-small", "scale": 2.0, **values})


def faces(engine: Engine) -> ExtrasRequest:
    return enlarged(engine, images=[control_studio.kept(engine, small_faces.crowd((20, 30)))], upscaler="None", faces={"codeformer": 1.0})


def script(engine: Engine) -> Any:
    image = control_studio.kept(engine, control_studio.picture(0, (72, 72)))
    args = {"upscaler": "2x-small", "overlap": 0}
    return wish({"init": {"image": image, "strength": 0.3}, "script": {"name": "SD upscale", "args": args}, "steps": 1, "width": 144, "height": 144})


WISHES: dict[str, Callable[[Engine], Any]] = {"enlarged": enlarged, "faces": faces, "script": script}


def run(engine: Engine, request: Any, short: Short | None = None) -> Result:
    return engine.run(request, short.watch if short else lambda event: None, lambda: Cancel.NONE, save=False)


def pictures(result: Result) -> list[bytes]:
    return [picture.data for picture in result.pictures]


@pytest.mark.parametrize(("name", "part"), [("enlarged", 0.1), ("faces", 0.9), ("script", 0.5)])
def test_short_once_is_the_same_picture_and_said(engine: Engine, name: str, part: float) -> None:
    """part: of the way through the operations before anything is saved."""
    request = WISHES[name](engine)
    before = pictures(run(engine, request))
    engine.networks.unload()
    with Short() as whole:
        run(engine, request, whole)
    run(engine, request)
    lived = shortage.living()
    there = [operation for operation, phase in whole.phases.items() if phase in BESIDE]
    engine.networks.unload()
    with Short(there[int(part * len(there))], ERRORS[int(part * 10) % len(ERRORS)]) as short:
        result = run(engine, request, short)
    assert short.raised == 1 and pictures(result) == before
    assert any(note.startswith("Memory ran short while the picture was") for note in result.notes)
    assert pictures(run(engine, request)) == before and abs(shortage.living() - lived) <= 0.01 * lived


class Narrow:
    """Inside, no upscaler takes a piece of more than `most` pixels a side."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __enter__(self) -> None:
        def look(network: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            if type(network).__name__ == "RRDBNet" and max(given[0].shape[-2:]) > self.most:
                raise MemoryError

        self._hook = torch.nn.modules.module.register_module_forward_pre_hook(look)

    def __exit__(self, *trouble: object) -> None:
        self._hook.remove()


@pytest.mark.parametrize("name", ["enlarged", "script"])
def test_what_is_too_large_is_enlarged_in_smaller_tiles_and_its_record_makes_it_again(engine: Engine, name: str) -> None:
    request = WISHES[name](engine)
    before = pictures(run(engine, request))
    with Narrow(64):
        result = run(engine, request)
    recorded = result.pictures[0].request
    assert recorded.enlarging.tile == 64 and any("smaller tiles" in note for note in result.notes)
    assert pictures(run(engine, recorded)) == pictures(result) != before
    assert pictures(run(engine, request)) == before


@pytest.mark.parametrize("name", ["enlarged", "script"])
def test_what_cannot_be_helped_is_said_with_a_remedy(engine: Engine, name: str) -> None:
    request = WISHES[name](engine)
    before = pictures(run(engine, request))
    with Narrow(32), pytest.raises(OutOfMemory, match="Memory ran short while the picture was enlarged") as caught:
        run(engine, request)
    assert caught.value.remedy and pictures(run(engine, request)) == before


def test_one_of_several_that_is_too_large_is_left_out_and_said(engine: Engine) -> None:
    tiny, large = (control_studio.kept(engine, control_studio.picture(0, (side, side))) for side in (32, 96))
    with Narrow(32):
        result = run(engine, enlarged(engine, images=[large, tiny], names=["large", "tiny"]))
    assert [picture.index for picture in result.pictures] == [1] and any(note.startswith("large was left out: ") for note in result.notes)
