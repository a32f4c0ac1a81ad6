"""`train --check`, and what is refused before torch is loaded. Whole trainings: tests/training."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modules import cli
from modules.cli import train
from modules.core.errors import InvalidRequest
from modules.core.training import TrainingRequest, check, fingerprint
from tests.networks import tiny
from tests.training.painting import folder
from tests.training.resting import rest


def told(*words: str, home: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.main(["train", *words, "--data-dir", str(home)], lambda app, options: 0)
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_look_at_good_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = folder(tmp_path / "pictures", width=128, height=128)
    code, said = told("lora", str(pictures), "--check", "--name", "thing", "--side", "128", "--flip", home=tmp_path, capsys=capsys)
    assert code == 0 and "5 pictures can be trained on, 5 of them with captions" in said
    assert (tmp_path / "training" / "thing" / train.SHEET).is_file() and "what-the-model-sees" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("lora", "EMPTY", "--check"), "There are no pictures"),
        (("lora", "NOWHERE", "--check"), "There is no folder"),
        (("lora", "EMPTY"), "has no name"),
        (("lora", "EMPTY", "--name", "../x"), "no usable name"),
        (("lora", "--name", "x"), "no pictures to train on"),
        (("lora", "--check"), "no pictures to look at"),
        (("lora", "EMPTY", "--name", "Cache"), "keeps for itself"),
        (("lora", "EMPTY", "--name", "con"), "keeps for itself"),
        (("lora", "EMPTY", "--name", "lpt1.x"), "keeps for itself"),
        (("lora", "EMPTY", "--name", "a."), "keeps for itself"),
        (("lora", "EMPTY", "--name", "x", "--steps", "0"), "steps"),
        (("inversion", "EMPTY", "--name", "x", "--trigger", "y"), "name of its file"),
        (("lora", "EMPTY", "--name", "x", "--variants", "3"), "random"),
        (("lora", "EMPTY", "--name", "x", "--rnak", "3"), "--rank"),
        (("nothing", "EMPTY", "--name", "x"), "invalid choice"),
    ],
)
def test_bad_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str) -> None:
    (tmp_path / "empty").mkdir()
    places = {"EMPTY": str(tmp_path / "empty"), "NOWHERE": str(tmp_path / "nowhere")}
    code, said = told(*(places.get(word, word) for word in words), home=tmp_path, capsys=capsys)
    assert code == 2 and expected in said and "Traceback" not in said
    assert not (tmp_path / "training").exists()


def test_a_name_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "models" / "Lora").mkdir(parents=True)
    (tmp_path / "models" / "Lora" / "x.safetensors").write_bytes(b"somebody's own")
    code, said = told("lora", str(folder(tmp_path / "pictures")), "--name", "x", home=tmp_path, capsys=capsys)
    assert code == 2 and "There is a model x.safetensors already" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("lora", "--name", "thing", "--resume", "--steps", "400"), "laid out over 1000 steps"),
        (("lora", "--name", "thing", "--resume", "--rank", "16", "--seed", "5"), "--seed, --rank cannot act: thing goes on as it was begun, with 1, 8"),
        (("inversion", "--name", "thing", "--resume"), "WHAT cannot act"),
        (("lora", "ELSEWHERE", "--name", "thing", "--resume"), "FOLDER cannot act"),
        (("lora", "--name", "thing", "--keep", "--batch", "9"), "--batch cannot act"),
        (("lora", "--name", "nobody", "--resume"), "There is no run"),
        (("lora", "--resume"), "has no name"),
    ],
)
def test_what_cannot_act_on_a_run_that_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str) -> None:
    rest(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "training").rglob("*") if path.is_file()}
    (tmp_path / "elsewhere").mkdir()
    code, said = told(*(str(tmp_path / "elsewhere") if word == "ELSEWHERE" else word for word in words), home=tmp_path, capsys=capsys)
    assert code == 2 and expected in said and "Traceback" not in said
    assert {path: path.read_bytes() for path in (tmp_path / "training").rglob("*") if path.is_file()} == before


def test_the_command_that_began_it_may_be_repeated(tmp_path: Path) -> None:
    kept = rest(tmp_path)
    parsed: list[TrainingRequest] = []
    words = ["lora", str(tmp_path / "pictures"), "--name", "thing", "--trigger", "thing", "--rate", "0.001", "--data-dir", str(tmp_path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "trained", lambda app, request: parsed.insert(len(parsed), request))
        for extra in (["--resume"], ["--resume", "--steps", "1000"], ["--keep"]):
            train.run([*words, *extra])
    assert [(request.steps, request.resume, request.keep, request.data) for request in parsed] == [
        (1000, True, False, kept.data),
        (1000, True, False, kept.data),
        (1000, True, True, kept.data),
    ]


def test_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.save_single(tmp_path / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: type("Usage", (), {"free": 2**20}))
    code, said = told("lora", str(folder(tmp_path / "pictures")), "--name", "x", "--model", "tiny", home=tmp_path, capsys=capsys)
    assert code != 0 and "has room for 1 MB" in said and "Traceback" not in said
    assert not (tmp_path / "training").exists()


def test_what_a_resumed_run_may_change() -> None:
    plain = TrainingRequest(name="x")
    assert fingerprint(plain) != fingerprint(TrainingRequest(name="x", seed=2))
    assert fingerprint(plain) == fingerprint(TrainingRequest(name="x", resume=True))
    with pytest.raises(InvalidRequest):
        check(plain)
