"""Cells that an earlier run made from the very same request serve again; anything that differs, or a file that was touched, is drawn anew."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Kept, Picture, Progress, Result, digest
from modules.engine.generate import Engine
from tests.engine.conftest import pixels


class Rerunning:
    """An engine with a memory of what it saved, as the app gives it one; counts the pictures that were sampled."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine, self.saved, self.sampled = engine, dict[str, tuple[Path, str, Picture]](), 0
        monkeypatch.setattr(engine, "kept", self.kept)

    def kept(self, key: str) -> Kept | None:
        path, sha256, picture = self.saved.get(key, (Path("nowhere"), "", None))
        if picture is None or not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            return None
        return Kept(path, picture.width, picture.height, picture.infotext)

    def plot(self, stop_after: int = 100, **values: object) -> Result:
        args = {"x_type": "Steps", "x_values": "1,2", "y_type": "Seed", "y_values": "1,2", "include_pictures": True}
        script = {"name": "X/Y/Z plot", "args": args}
        tree = {"prompt": "a cat", "width": 64, "height": 64, "seed": 1, "sampler": "Euler", "script": script, **values}
        made: list[Picture] = []
        self.sampled = 0

        def report(event: Progress | Picture) -> None:
            if isinstance(event, Progress):
                self.sampled += event.phase == "decoding"
            else:
                made.append(event)
                if event.digest and event.path:
                    self.saved[event.digest] = (event.path, hashlib.sha256(event.data).hexdigest(), event)

        return self.engine.run(from_dict(GenerationRequest, tree), report, lambda: Cancel.STOP if len(made) >= stop_after else Cancel.NONE, True)


@pytest.fixture
def rerunning(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Rerunning:
    return Rerunning(engine, monkeypatch)


def test_an_interrupted_grid_is_gone_on_with(rerunning: Rerunning) -> None:
    first = rerunning.plot(stop_after=2)
    assert first.cancelled is Cancel.STOP and rerunning.sampled == 2
    whole = rerunning.plot()
    assert rerunning.sampled == 2, "of four cells, two were there"
    again = rerunning.plot()
    assert rerunning.sampled == 0 and len(again.pictures) == 5
    assert (pixels(again.pictures[0]) == pixels(whole.pictures[0])).all()
    assert [picture.path for picture in again.pictures[1:]] == [picture.path for picture in whole.pictures[1:]]


def test_what_differs_is_drawn(rerunning: Rerunning) -> None:
    rerunning.plot()
    rerunning.plot(cfg_scale=3.0)
    assert rerunning.sampled == 4


def test_a_file_that_was_touched_or_lost_is_drawn_again(rerunning: Rerunning) -> None:
    whole = rerunning.plot(prompt="a touched cat")
    paths = [picture.path for picture in whole.pictures[1:] if picture.path]
    paths[0].write_bytes(paths[0].read_bytes() + b"touched")
    paths[1].unlink()
    again = rerunning.plot(prompt="a touched cat")
    assert rerunning.sampled == 2 and (pixels(again.pictures[0]) == pixels(whole.pictures[0])).all()


def test_the_digest_knows_the_request_and_the_machine() -> None:
    request = GenerationRequest(prompt="a cat", seed=1)
    assert digest(request, {"torch": "2"}) == digest(replace(request), {"torch": "2"})
    others = {digest(request, {"torch": "3"}), digest(replace(request, seed=2), {"torch": "2"}), digest(replace(request, prompt="a dog"), {"torch": "2"})}
    assert len(others) == 3 and digest(request, {"torch": "2"}) not in others
