"""The commands as a person runs them: in a process of their own, with the starter model, at its smallest."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from PIL import Image

from modules.cli import main
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.infotext import files
from tests.conftest import Command

SMALL = ("--steps", "2", "--width", "64", "--height", "64", "--seed", "7")


def test_pictures_are_made_named_and_made_again(easel: Command, tmp_path: Path) -> None:
    made = easel("generate", "a panda on a teal background", *SMALL, "--count", "2", "--sampler", "Euler a")
    assert made.returncode == 0, made.stderr
    paths = [Path(line) for line in made.stdout.splitlines()]
    assert [path.name for path in paths] == ["00001-7.png", "00002-8.png"]
    assert all(re.search(r"outputs/txt2img-images/\d{4}-\d\d-\d\d$", path.parent.as_posix()) for path in paths)
    assert "Steps: 2, Sampler: Euler a" in Image.open(paths[0]).info["parameters"]

    changed = Image.open(paths[1]).convert("RGB")
    changed.putpixel((0, 0), tuple(255 - value for value in changed.getpixel((0, 0))))  # type: ignore[union-attr]
    touched = tmp_path / "touched.png"
    keep_texts(paths[1], changed, touched)
    again = easel("rerun", str(paths[1]), str(touched), "--verify", "--out", str(tmp_path / "again"))
    assert again.returncode == 1, again.stderr
    lines = again.stdout.splitlines()
    assert lines[0] == str(tmp_path / "again" / "00002-8.png")
    assert lines[1] == f"{paths[1]}: identical"
    assert lines[3].startswith(f"{touched}: differs in 1 of 4096 pixels")
    assert lines[3].endswith("no recorded fact differs")
    assert Image.open(lines[0]).tobytes() == Image.open(paths[1]).tobytes()


def keep_texts(source: Path, pixels: Image.Image, target: Path) -> None:
    """A picture whose pixels were changed and whose texts were not."""
    found = files.read(source)
    target.write_bytes(files.encode(pixels, found.parameters, found.document))


def test_out_names_files_and_their_format(easel: Command, tmp_path: Path) -> None:
    made = easel("generate", "--prompt", "a frog", *SMALL, "--batch", "2", "--out", str(tmp_path / "new" / "frog.webp"))
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines() == [str(tmp_path / "new" / f"frog-{number}.webp") for number in (1, 2)]
    assert {Image.open(path).format for path in (tmp_path / "new").iterdir()} == {"WEBP"}
    assert not list((tmp_path / "outputs").rglob("*.png"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "x", "--steps", "-3"], "steps"),
        (["generate", "x", "--width", "NaN"], "width"),
        (["generate", "x" * 100_000], "prompt"),
        (["generate", "x", "--model", "no-such-model"], "no checkpoint 'no-such-model'. Nearest: easel-starter"),
        (["generate", "x", "--model-hash", "0123456789abcdef"], "0123456789"),
        (["generate", "x", "--out", "a.tiff"], ".tiff"),
        (["generate"], "There is no prompt"),
        (["generate", "x", "y"], "one word too many"),
        (["generate", "x", "--smapler", "Euler"], "--sampler"),
        (["rerun"], "FILE"),
        (["rerun", "/no/such.png"], "no such file"),
        (["rerun", __file__, "--verify"], "test_commands.py"),
        (["rerun", "x.png", "--set", "steps"], "NAME=VALUE"),
        (["rerun", "x.png", "--set", "no_such=1"], "no_such"),
        (["rerun", "x.png", "--tolerance", "nan"], "--tolerance"),
        (["no-such-command"], "no command"),
        (["generate", "x", "--sampler", "Euler aa"], "Near it: Euler a"),
        (["generate", "x", "--schedule", "karas"], "Near it: Karras"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_two_before_anything_is_loaded(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()
    code = main([*words, "--data-dir", str(tmp_path)], lambda app, options: 99)
    captured = capsys.readouterr()
    assert code == 2, captured.err
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert len(line) < 600
    assert captured.out == ""
    assert threading.active_count() == before


def test_a_missing_model_is_named_with_its_hash_and_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = GenerationRequest(prompt="a frog", model="easel-startre", model_hash="0a1b2c3d4e" + "0" * 54, seed=1)
    document = {"easel": "0.1.0", "request": to_dict(request), "facts": {}, "index": 0}
    (tmp_path / "frog.png").write_bytes(files.encode(Image.new("RGB", (64, 64)), "a frog\nSteps: 20, Seed: 1", document))
    assert main(["rerun", str(tmp_path / "frog.png"), "--verify", "--data-dir", str(tmp_path)], lambda app, options: 99) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for part in ("frog.png", "easel-startre", "0a1b2c3d4e", "Nearest: easel-starter"):
        assert part in line


def test_a_folder_that_is_a_file_is_trouble_on_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "outputs").write_text("in the way")
    assert main(["generate", "x", *SMALL, "--data-dir", str(tmp_path)], lambda app, options: 99) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "outputs" in line


def test_help_is_there_without_the_engine(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["generate", "--help"], ["rerun", "--help"], ["doctor", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words, lambda app, options: 99)
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("usage: python launch.py")


def test_serving_is_handed_the_app_and_its_options(tmp_path: Path) -> None:
    handed = []
    code = main(["--port", "7", "--data-dir", str(tmp_path)], lambda app, options: handed.append((app.options, options)) or 5)  # type: ignore[func-returns-value]
    assert code == 5
    ((first, second),) = handed
    assert first is second
    assert second.serve.port == 7
