"""Input pictures of parts: kept by their pixels, and forgotten where only the run needs them."""

from __future__ import annotations

from pathlib import Path

from tests.engine.sweeps.painting import Studio


def kept(studio: Studio) -> set[Path]:
    return {path for path in studio.blobs.folder.rglob("*") if path.is_file()}


def test_material_is_forgotten_after_the_run(studio: Studio) -> None:
    start = studio.start(96, 96)
    before = kept(studio)
    for script in ("SD upscale", "Outpainting mk2", "Poor man's outpainting"):
        studio.draw(script, {"overlap": 16} if script == "SD upscale" else {"pixels": 32}, init=start)
        assert kept(studio) == before and studio.asked


def test_what_was_there_before_stays(studio: Studio) -> None:
    start = studio.start()
    result = studio.draw("SD upscale", {"overlap": 16}, init=start)  # a single tile: the start picture itself
    assert studio.asked[0].init.image == start["image"]
    assert studio.picture(start["image"]).size == (64, 64) and result.pictures


def test_what_a_kept_picture_was_made_from_stays(studio: Studio) -> None:
    loops = studio.draw("Loopback", {"loops": 3}, init=studio.start()).pictures[1:]
    assert len(kept(studio)) == 3
    assert studio.again(loops[2].request).pictures[0].data[:8] == loops[2].data[:8]


def test_one_picture_is_one_reference_whatever_made_it(studio: Studio) -> None:
    first, second = (studio.draw("Loopback", {"loops": 2}, init=studio.start()).pictures[2].request.init.image for _ in range(2))
    assert first == second
