"""Whole runs of the engine on a tiny model: the same request is the same picture, alone, in a batch and again; cancelling; what is said and saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from modules.core.errors import InvalidRequest, NotFound, OutputTrouble, Unsupported
from modules.core.params import from_dict, to_dict
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.infotext import files
from tests.engine.conftest import Draw, pixels, pixels_of

VARIED = [
    {"sampler": "Euler a"},
    {"sampler": "DPM++ 2M SDE", "schedule": "Karras"},
    {"sampler": "DDIM", "solver": {"eta": 1.0}},
    {"sampler": "Heun", "prompt": "a [cat|(dog:1.3)] AND a tree :0.5", "negative_prompt": "a [b:c:1]"},
    {"sampler": "DPM adaptive"},
    {"sampler": "DDPM (diffusers)", "noise_source": "NV"},
    {"sampler": "SA-Solver (diffusers)", "solver": {"ensd": 31337}, "spacing": {"noise_schedule": "Zero Terminal SNR"}},
    {"sampler": "TCD (diffusers)", "schedule": "Karras"},
    {"sampler": "DPM++ 3M SDE", "variation": {"strength": 0.4, "seed": 9}, "noise_source": "NV"},
    {"sampler": "DPM2 a", "variation": {"width": 96, "height": 32}, "text": {"emphasis": "compel"}},
]


@pytest.mark.parametrize("values", VARIED, ids=lambda values: str(values["sampler"]))
def test_a_picture_of_a_batch_is_identical_alone_and_from_its_own_request(draw: Draw, values: dict[str, object]) -> None:
    batch = draw(count=2, batch_size=2, **values).pictures
    for picture in batch[1:3]:
        (again,) = draw(**to_dict(picture.request)).pictures
        assert again.data == picture.data
    assert not np.array_equal(pixels(batch[0]), pixels(batch[1]))


def test_all_in_one_go_gives_the_same_pictures_within_a_few_grey_levels(draw: Draw) -> None:
    apart, together = draw(batch_size=2).pictures, draw(batch_size=2, batched=True).pictures
    assert len(together) == 2
    for one, other in zip(apart, together, strict=True):
        assert np.abs(pixels(one).astype(int) - pixels(other).astype(int)).max() <= 4
        assert other.request.batched and other.request.seed == one.request.seed


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_every_sampler_draws_in_one_step(draw: Draw, sampler: str) -> None:
    (picture,) = draw(sampler=sampler, steps=1).pictures
    assert pixels(picture).std() > 0


@pytest.mark.parametrize("schedule", SCHEDULES.names())
def test_every_schedule_type_draws(draw: Draw, schedule: str) -> None:
    (picture,) = draw(sampler="Euler", schedule=schedule, steps=3).pictures
    assert pixels(picture).std() > 0


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "a dog"}, {"negative_prompt": "a dog"}, {"seed": 2}, {"cfg_scale": 3.0}, {"steps": 4}, {"schedule": "Karras"}, {"tiling": True}, {"noise_source": "NV"},
        {"solver": {"eta": 0.5}}, {"solver": {"noise": 1.1}}, {"solver": {"ensd": 31337}}, {"text": {"clip_skip": 2}}, {"spacing": {"sgm_noise": True}},
        {"spacing": {"noise_schedule": "Zero Terminal SNR"}}, {"spacing": {"downcast_alphas": True}}, {"spacing": {"discard_penultimate": True}}, {"guidance": {"skip_early": 0.6}},
        {"variation": {"strength": 0.2, "seed": 3}}, {"precision": "bf16"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_in_the_request_reaches_the_pixels(draw: Draw, values: dict[str, object]) -> None:
    assert not np.array_equal(pixels(draw(**values).pictures[0]), pixels(draw().pictures[0]))


def test_the_ends_of_a_schedule_reach_the_pixels(draw: Draw) -> None:
    bent = [pixels(draw(schedule="Karras", spacing=spacing).pictures[0]) for spacing in ({}, {"sigma_max": 10}, {"sigma_min": 0.1}, {"rho": 3})]
    assert all(not np.array_equal(bent[0], other) for other in bent[1:])


@pytest.mark.parametrize("emphasis", ["No norm", "Ignore", "None", "compel"])
def test_emphasis_modes_differ(draw: Draw, emphasis: str) -> None:
    prompt = "a (cat:1.6) [on] a mat"
    assert not np.array_equal(pixels(draw(prompt=prompt, text={"emphasis": emphasis}).pictures[0]), pixels(draw(prompt=prompt).pictures[0]))


def test_the_model_is_as_before_after_tiling(draw: Draw) -> None:
    before = draw().pictures[0].data
    draw(tiling=True)
    assert draw().pictures[0].data == before


def test_a_saved_file_holds_both_texts_and_is_what_was_reported(draw: Draw, engine: Engine) -> None:
    seen: list[Picture] = []
    result = draw(report=lambda event: seen.append(event) if isinstance(event, Picture) else None, save=True, batch_size=2, seed=41)
    assert [picture.path for picture in seen] == [picture.path for picture in result.pictures]
    for picture in seen:
        assert picture.path and picture.path.read_bytes() == picture.data
        assert picture.path.name.endswith(f"-{picture.request.seed}.png")
        found = files.read(picture.path)
        assert found.parameters == picture.infotext
        assert found.document and from_dict(GenerationRequest, found.document["request"]) == picture.request
        assert found.document["facts"] == engine.facts()
        assert json.dumps(found.document)


class Seen:
    """The latest progress of a run, looked at as a face does."""

    def __init__(self) -> None:
        self.latest = Progress()

    def report(self, event: Progress | Picture) -> None:
        if isinstance(event, Progress):
            self.latest = event

    @property
    def at(self) -> tuple[int, int]:
        """(picture, steps done)."""
        return self.latest.picture, self.latest.now.step


def test_progress_counts_up_and_brings_previews(draw: Draw, engine: Engine) -> None:
    engine.previews.costs.clear()  # else the first one waits until it has its share of the time
    seen: list[Progress] = []
    draw(report=lambda event: seen.append(event) if isinstance(event, Progress) else None, batch_size=2, steps=3)
    shares = [event.share for event in seen]
    assert shares == sorted(shares)
    assert {event.phase for event in seen} == {"loading", "encoding", "sampling", "decoding"}
    assert any(event.preview and event.preview[:2] == b"\xff\xd8" for event in seen)


def test_stop_acts_before_the_next_denoiser_call_and_keeps_what_is_finished(draw: Draw) -> None:
    seen = Seen()
    asked: list[tuple[int, int]] = []

    def cancel() -> Cancel:
        asked.append(seen.at)
        return Cancel.STOP if seen.at >= (1, 2) else Cancel.NONE

    result = draw(report=seen.report, cancel=cancel, count=3, steps=9, sampler="Euler")
    assert result.cancelled is Cancel.STOP
    assert [at for at in asked if at >= (1, 2)] == asked[-1:] and asked[-1] <= (1, 3), "asked no more, for it calls no more"
    assert [picture.complete for picture in result.pictures] == [True, False]
    assert result.pictures[1].path is None


def test_skip_leaves_one_picture_and_goes_on(draw: Draw) -> None:
    seen = Seen()
    result = draw(report=seen.report, cancel=lambda: Cancel.SKIP if (1, 1) <= seen.at < (2, 0) else Cancel.NONE, count=3, steps=4, sampler="Euler")
    assert [picture.complete for picture in result.pictures] == [True, False, True]


def test_resolved_requests_are_concrete_and_stay_so(draw: Draw) -> None:
    resolved = draw(seed=-1, sampler="k_dpmpp_2m karras", variation={"strength": 0.1}).request
    assert resolved.seed >= 0 and resolved.variation.seed >= 0
    assert (resolved.sampler, resolved.schedule) == ("DPM++ 2M", "Karras")
    assert resolved.model == "tiny" and len(resolved.model_hash) == 64 and resolved.precision == "fp32"
    assert draw(**to_dict(resolved)).request == resolved


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"sampler": "Euler b"}, InvalidRequest, "Euler"),
        ({"schedule": "Carras"}, InvalidRequest, "Karras"),
        ({"model": "tinny"}, NotFound, "tiny"),
        ({"model": "tiny", "model_hash": "0" * 64}, NotFound, "0000000000"),
        ({"embeddings": {"mine": "0" * 64}}, NotFound, "mine"),
        ({"text": {"clip_skip": 9}}, Unsupported, "9"),
        ({"variation": {"width": 64}}, InvalidRequest, "height"),
    ],
)
def test_what_cannot_be_drawn_is_said_with_a_remedy(draw: Draw, values: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        draw(**values)
    assert said in str(caught.value)
    assert caught.value.remedy  # type: ignore[attr-defined]


def test_a_lora_that_cannot_be_loaded_is_left_out_and_said(draw: Draw) -> None:
    result = draw(prompt="a cat <lora:fur:0.8>")
    assert any("fur" in note for note in result.notes)
    assert np.array_equal(pixels(result.pictures[0]), pixels(draw(prompt="a cat ").pictures[0]))


def test_saved_pictures_leave_the_memory(draw: Draw) -> None:
    told: list[Picture | Progress] = []
    saved = draw(report=told.append, save=True, count=3)
    assert all(picture.path and not picture.held for picture in saved.pictures)
    assert all(not event.held for event in told if isinstance(event, Picture))
    unsaved = draw(save=False, count=3)
    assert all(np.array_equal(pixels(one), pixels(other)) for one, other in zip(saved.pictures, unsaved.pictures, strict=True))


def test_a_full_or_closed_folder_loses_no_picture(engine: Engine, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "outputs"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setattr(engine, "outputs", Outputs(blocked, tmp_path / "rescue"))
    result = draw(save=True)
    (picture,) = result.pictures
    assert picture.path and picture.path.is_relative_to(tmp_path / "rescue")
    assert np.array_equal(pixels_of(picture.path), pixels(picture))
    assert any(str(picture.path) in note for note in result.notes)
    monkeypatch.setattr(engine, "outputs", Outputs(blocked, blocked / "rescue"))
    with pytest.raises(OutputTrouble):
        draw(save=True)


def test_what_is_begun_is_noted_before_it_is_drawn(engine: Engine, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []
    monkeypatch.setattr(engine, "note", noted.append)
    result = draw(save=True, count=2, report=lambda event: noted.append("a picture") if isinstance(event, Picture) else None)
    assert noted == [result.pictures[0].infotext, "a picture", "a picture"]
    draw()
    assert len(noted) == 3, "what keeps no files is not noted"


def test_a_note_that_cannot_be_written_costs_no_picture(engine: Engine, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(text: str) -> None:
        raise OutputTrouble("The disk is full.", "Free some space.")

    monkeypatch.setattr(engine, "note", full)
    result = draw(save=True)
    assert result.pictures and any("disk is full" in note for note in result.notes)
