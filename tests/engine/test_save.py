"""File names and numbers of saved pictures."""

from __future__ import annotations

import re
from pathlib import Path

from modules.engine.save import Outputs


def test_names_count_up_in_a_folder_of_the_day(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    paths = [outputs.save(b"data", seed)[0] for seed in (7, 7, 8)]
    assert [path.name for path in paths] == ["00001-7.png", "00002-7.png", "00003-8.png"]
    assert re.fullmatch(r"txt2img-images/\d{4}-\d\d-\d\d", paths[0].parent.relative_to(tmp_path).as_posix())


def test_numbers_go_on_behind_the_highest(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    folder = outputs.save(b"data", 1)[0].parent
    (folder / "00041-mine.png").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    assert outputs.save(b"data", 2)[0].name == "00042-2.png"
