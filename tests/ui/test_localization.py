"""The page in another language: every text of the page is in the shipped catalogue, and only those; what people write stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from modules.core.blobs import Blobs
from modules.core.errors import EaselError
from modules.core.files import write_new
from modules.core.groups.editing import Init, Mask, Outpaint
from modules.core.limits import PROMPT_LIMIT
from modules.core.params import from_dict
from modules.core.paths import PROJECT, Paths
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest
from modules.engine.outpaint import sized
from modules.imaging.opening import opened
from modules.ui import build, localization
from modules.ui.build import Page
from modules.ui.localization import Catalogue
from tests.ui import texts
from tests.ui.conftest import DrawnApp
from tests.ui.pressing import built_page, press

SHIPPED = sorted(path.stem for path in (PROJECT / "localizations").glob("*.json"))
SAME = {"docs/extensions.md", "extension.py"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DrawnApp, Page]]:
    yield from built_page(tmp_path_factory.mktemp("data"))


def catalogue(name: str) -> Catalogue:
    found = localization.load(Paths(data=Path("nowhere")), name)
    assert found
    return found


def covers(known: Catalogue, text: str) -> bool:
    """Whether the catalogue has the text, or a pattern for it."""
    if text in known.texts:
        return True
    patterns = (re.escape(key) for key in known.texts if "{0}" in key)
    return any(re.fullmatch(re.sub(r"\\\{\d\\\}", "(.+?)", pattern), text, re.DOTALL) for pattern in patterns)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_text_of_the_page_is_translated(built: tuple[DrawnApp, Page], name: str) -> None:
    app, page = built
    known = catalogue(name)
    shown = {text for found in texts.of_page(page).values() for text in found if str(app.paths.data) not in text}
    assert len(shown) > 600, "the reader of texts sees what there is"
    assert sorted(text for text in shown if not covers(known, text) and text not in SAME and not re.fullmatch("[\\W\\s]*\\w+ \u201c", text)) == []


def wish(**values: Any) -> Callable[[Path], object]:
    return lambda place: from_dict(GenerationRequest, values)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(
    "wrong",
    [
        wish(steps=0),
        wish(steps="many"),
        wish(seed=1.5),
        wish(width=20000),
        wish(mask={"area": "somewhere"}),
        wish(nothing=1),
        wish(prompt="x" * (PROMPT_LIMIT + 1)),
        lambda place: SAMPLERS.get("Eulr"),
        lambda place: SCHEDULES.get("Karas"),
        lambda place: Blobs(place).get("sha256:" + "0" * 64),
        lambda place: opened(b"no picture"),
        lambda place: sized(GenerationRequest(init=Init(image="x"), mask=Mask(image="y"), outpaint=Outpaint(left=8)), Blobs(place)),
        lambda place: write_new(place / "file" / "below", str, b"", 0),
    ],
)
def test_what_often_goes_wrong_is_translated(tmp_path: Path, wrong: Callable[[Path], object], name: str) -> None:
    """Sentence by sentence, as `assets/localization.js` looks a message up."""
    (tmp_path / "file").write_text("where a folder should be")
    with pytest.raises(EaselError) as caught:
        wrong(tmp_path)
    known = catalogue(name)
    assert [part for part in re.split(r"(?<=[.!?…]) +(?=[A-Z“'])", str(caught.value)) if not covers(known, part)] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_a_catalogue_is_sound(name: str) -> None:
    tree = json.loads((PROJECT / "localizations" / f"{name}.json").read_text("utf-8"))
    assert dict(catalogue(name).texts) == tree
    for text, word in tree.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", word)), text
        assert not re.search(r"<\w", word), "no markup"
    for sign in ("[seed]", "--outputs-dir", "import-a1111"):
        assert all(sign in word for text, word in tree.items() if sign in text)


def test_catalogues_are_found_and_english_is_none(tmp_path: Path) -> None:
    paths = Paths(data=tmp_path)
    (tmp_path / "localizations").mkdir()
    (tmp_path / "localizations" / "xx_XX.json").write_text('{"Seed": "Samen", "bad": 3, "empty": ""}')
    assert localization.names(paths)[0] == "None" and {"de_DE", "xx_XX"} <= set(localization.names(paths))
    assert localization.load(paths, "None") is None
    own = localization.load(paths, "xx_XX")
    assert own and dict(own.texts) == {"Seed": "Samen"} and own.language == "xx-XX"


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff\xff", b"[" * 5000, None])
def test_a_catalogue_that_cannot_be_read_leaves_the_page_in_english(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "localizations").mkdir()
    if content is not None:
        (tmp_path / "localizations" / "xx.json").write_bytes(content)
    for name in ("xx", "../../etc/passwd", "", "a/b"):
        assert localization.load(Paths(data=tmp_path), name) is None


def test_in_english_nothing_of_it_is_on_the_page(built: tuple[DrawnApp, Page]) -> None:
    head = built[1].launch["head"]
    assert "MutationObserver(" not in head.split("localization")[0] or '"localization"' not in head
    assert '"texts"' not in head and "window.easel.localization" not in head


def test_menus_of_words_show_them_and_send_what_they_sent() -> None:
    with gr.Blocks() as blocks:
        words = gr.Dropdown(["Only masked", "Whole picture"], value="Whole picture")
        names = gr.Dropdown(["Lanczos", "Only masked"], value="Lanczos")
    localization.apply(blocks, Catalogue("xx", {"Only masked": "Nur das", "Whole picture": "Alles"}))
    assert words.choices == [("Nur das", "Only masked"), ("Alles", "Whole picture")]
    assert names.choices == [("Lanczos", "Lanczos"), ("Only masked", "Only masked")], "names of models, samplers and upscalers stay"


def test_the_translated_page_asks_for_the_same(app: DrawnApp) -> None:
    app.settings.change("localization", "de_DE")
    page = build.page(app)
    assert '"language": "de-DE"' in page.launch["head"] and "Fertige Bilder erscheinen hier." in page.launch["head"]
    _, said = press(page, "txt2img_generate", txt2img_width=64, txt2img_height=64, txt2img_steps=1)
    assert app.until(said["job"], "done").request.steps == 1
