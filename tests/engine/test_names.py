"""File-name patterns: A1111's tags, and names that every system takes whatever was typed or prompted."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modules.core.groups.passes import Hires
from modules.core.groups.sampling import Text, Variation
from modules.core.request import GenerationRequest, single
from modules.core.result import Picture
from modules.engine.names import TAGS, Shot, folders, name, safe


def shot(index: int = 0, **values: object) -> Shot:
    plain = {"prompt": "a red  apple, (sweet:1.2)", "negative_prompt": "bad", "model": "sub/model v1", "model_hash": "0123456789abcdef", "seed": 7}
    whole = dataclasses.replace(GenerationRequest(), **{**plain, **values})  # type: ignore[arg-type]
    file = io.BytesIO()
    Image.new("RGB", (64, 32), "red").save(file, "PNG")
    picture = Picture(file.getvalue(), 64, 32, single(whole, index), "", index)
    asked = dataclasses.replace(whole, styles=("Film", "Noir"), prompt="a red apple")
    return Shot(picture, whole, asked, "ann", datetime(2026, 1, 31, 23, 59, 58))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[seed]", "7"),
        ("[SEED]-[Steps]", "7-20"),
        ("[cfg]x[width]x[height]", "7x64x32"),
        ("[styles]", "Film, Noir"),
        ("[sampler] [scheduler]", "DPM++ 2M Karras"),
        ("[sampler_scheduler]", "DPM++ 2M Karras"),
        ("[model_name]_[model_hash]", "sub_model v1_0123456789"),
        ("[job_timestamp]", "20260131235958"),
        ("[prompt]", "a_red__apple,_(sweet_1.2)"),
        ("[prompt_spaces]", "a red  apple, (sweet_1.2)"),
        ("[prompt_no_styles]", "a red apple"),
        ("[prompt_words]", "a red apple sweet 1 2"),
        ("[clip_skip]", "1"),
        ("[user]", "ann"),
        ("[vae_filename]", "NoneType"),
        ("[none]", ""),
        ("[hasprompt<apple|fruit><pear|no pear>]", "appleno_pear"),
        ("[hasprompt<pear>]x", "x"),
        ("[[model_name]]_[seed]", "[sub_model v1]_7"),
        ("[unknown] [seed", "[unknown] [seed"),
        ("[prompt_hash<zz>]", "[prompt_hash_zz_]"),
        ("[hasprompt]", "[hasprompt]"),
        ("plain text", "plain text"),
        ("[seed]-[seed_last]", "7"),
        ("[seed]-[batch_number]", "7"),
        ("[seed]-[generation_number]-x", "7-x"),
        ("[seed] at [denoising]", "7"),
        ("", ""),
    ],
)
def test_tags(pattern: str, expected: str) -> None:
    assert name(pattern, shot()) == expected


def test_tags_of_several_pictures() -> None:
    made = shot(4, count=3, batch_size=2)
    assert name("[seed]-[seed_first]-[seed_last]-[batch_number]-[batch_size]-[generation_number]", made) == "11-7-12-1-2-5"
    varied = shot(1, count=3, variation=Variation(strength=0.5, seed=3))
    assert name("[seed]-[seed_last]", varied) == "7-7"


def test_tags_of_other_features() -> None:
    assert name("[seed]@[denoising]", shot(hires=Hires(enabled=True, strength=0.35))) == "7@0.35"
    assert name("[clip_skip]", shot(text=Text(clip_skip=2))) == "2"
    assert name("[scheduler]", shot(schedule="SGM Uniform")) == "Sgm uniform"
    assert name("[prompt_words]", shot(prompt="")) == "empty"


def test_hashes_and_times() -> None:
    made = shot()
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{8}", name("[prompt_hash]-[negative_prompt_hash<4>]-[full_prompt_hash]", made))
    assert re.fullmatch("[0-9a-f]{64}", name("[image_hash]", made))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d{14} \d{4}_\d\d", name("[date] [datetime] [datetime<%Y/%m><Europe/Berlin>]", made))
    assert re.fullmatch(r"\d{4}", name("[datetime<%Y><Nowhere/../../etc>]", made))


def test_every_tag_of_a1111_is_there() -> None:
    known = (
        "seed seed_first seed_last steps cfg width height styles sampler scheduler sampler_scheduler model_hash model_name date datetime job_timestamp prompt "
        "prompt_no_styles prompt_spaces prompt_words prompt_hash negative_prompt_hash full_prompt_hash batch_number batch_size generation_number hasprompt "
        "clip_skip denoising user vae_filename image_hash basename none"
    )
    assert set(known.split()) == set(TAGS)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[date]", 1),
        ("[model_name]/[seed]", ("sub_model v1", "7")),
        ("a\\b/../..//c", ("a", "b", "c")),
        ("/etc/./passwd", ("etc", "passwd")),
        ("C:/Windows", ("C_", "Windows")),
        ("nul/con.d/ aux ", ("_nul", "_con.d", "_aux")),
        ("[prompt]", ("a_red__apple,_(sweet_1.2)",)),
        ("", ()),
        ("/".join("abcdefghijkl"), tuple("abcdefgh")),
    ],
)
def test_folders_stay_within(pattern: str, expected: object) -> None:
    found = folders(pattern, shot())
    assert (len(found) if isinstance(expected, int) else found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CON", "_CON"),
        ("com1.tar", "_com1.tar"),
        ("LPT\u00b9", "_LPT\u00b9"),
        ("console", "console"),
        ("ends. . .", "ends"),
        ("..", ""),
        ("...hidden", "_hidden"),
        ("exe\u202egnp", "exegnp"),
        ("e\u0301", "\u00e9"),
        ("a\x00b\x1bc\ud800", "abc"),
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"),
    ],
)
def test_names_that_some_system_would_refuse(text: str, expected: str) -> None:
    assert safe(text) == expected


TEXTS = st.text(max_size=300) | st.text(alphabet='/\\.:<>[]|?*" \t\nCONaux\u202e\U0001f525', max_size=300)


@given(pattern=TEXTS | st.sampled_from(["[prompt]", "[prompt_spaces]/[seed]", "[hasprompt<a|../../b>]"]), prompt=TEXTS, user=TEXTS)
def test_whatever_is_typed_is_a_name_on_every_system(pattern: str, prompt: str, user: str) -> None:
    made = dataclasses.replace(shot(prompt=prompt, model=prompt[:400]), user=user)
    for one in (name(pattern, made), *folders(pattern, made)):
        assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', one)
        assert not one.endswith((" ", ".")) and not one.startswith((" ", "."))
        assert len(one.encode()) <= 200
        assert not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", one, re.IGNORECASE)
        if one:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, f"{one}.png").write_bytes(b"")
                assert os.listdir(folder) == [f"{one}.png"]
