"""Taking over an A1111 folder: what is taken, what is said of the rest, that nothing there changes, and that it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from modules.a1111.adoption import Adoption, Report
from modules.core.errors import NotFound, OutputTrouble
from modules.core.form_defaults import FormDefaults
from modules.core.paths import Paths
from modules.core.settings import Settings, SettingsStore
from modules.prompt import style_file
from modules.prompt.styles import Style
from modules.ui import localization
from tests.a1111.folder import installation, print_of


@dataclass
class Home:
    """An Easel's data folder, and an installation beside it."""

    theirs: Path
    paths: Paths
    moved: int = 0

    def __post_init__(self) -> None:
        self.settings = SettingsStore(self.paths.settings)
        self.forms = FormDefaults(self.paths.form_defaults)
        self.adoption = Adoption(self.paths, self.settings, self.forms, self._moved)
        style_file.change_all(self.paths.styles, [(None, Style("Mine", "mine")), (None, Style("Noir", "noir", "colour"))])

    def _moved(self) -> None:
        self.moved += 1


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(installation(tmp_path / "stable-diffusion-webui"), Paths(data=tmp_path / "easel"))


def states(report: Report, source: str = "") -> dict[str, str]:
    return {row.name: row.state for row in report.rows if not source or row.source == source}


def test_a_look_changes_nothing(home: Home) -> None:
    before = print_of(home.paths.data)
    report = home.adoption.look(home.theirs.parent)
    assert report.root == home.theirs.resolve()
    assert print_of(home.paths.data) == before
    assert (home.settings.value, home.adoption.last()) == (Settings(), "")


def test_what_is_taken(home: Home) -> None:
    untouched = print_of(home.theirs)
    looked = home.adoption.look(home.theirs)
    report = home.adoption.take(home.theirs)
    assert report == looked
    assert print_of(home.theirs) == untouched
    now = SettingsStore(home.paths.settings).value
    assert (now.samples_format, now.samples_filename_pattern, now.save_txt, now.live_preview_interval) == ("jpg", "[seed]-[prompt_words]", True, 0.5)
    assert now.quicksettings_list == ("sd_vae", "CLIP_stop_at_last_layers")
    assert now.sd_model_checkpoint == "anime/known.safetensors [0123456789]"
    assert now.extra_model_folders == (str(home.theirs.resolve()),) and home.moved == 1
    forms = FormDefaults(home.paths.form_defaults)
    assert forms.of("txt2img") == {
        "vae": "film.vae.safetensors",
        "text.clip_skip": 2,
        "solver.ensd": 31337,
        "sampler": "Euler a",
        "steps": 28,
        "height": 768,
        "hires.strength": 0.45,
    }
    assert forms.of("img2img") == {
        "vae": "film.vae.safetensors",
        "text.clip_skip": 2,
        "solver.ensd": 31337,
        "init.color_correction": True,
        "init.strength": 0.6,
        "mask.blur_x": 8,
        "mask.blur_y": 8,
        "mask.content": "latent noise",
    }
    ours = style_file.read(home.paths.styles)
    assert ours == {"Mine": Style("Mine", "mine"), "Noir": Style("Noir", "noir", "colour"), "Film": Style("Film", "{prompt}, film grain")}


def test_what_is_not_taken_is_said(home: Home) -> None:
    report = home.adoption.look(home.theirs)
    notes = {row.name: row.note for row in report.rows if row.state == "not taken"}
    assert "--outputs-dir" in notes["outdir_txt2img_samples"]
    assert "no such setting" in notes["an_extensions_setting"]
    assert notes["emphasis (txt2img)"] and notes["CFG Scale (txt2img)"] and notes["Mine"]
    assert states(report, "styles.csv") == {"Film": "taken", "Noir": "already so", "Mine": "not taken"}
    named = " ".join(row.name for row in report.rows)
    assert not {"randn_source", "jpeg_quality", "sd_hypernetwork"} & set(named.split()) and report.usual >= 5, "A1111's own values are counted, not listed"
    (home.theirs / "models" / "VAE" / "film.vae.safetensors").unlink()
    assert {row.name: row.note for row in home.adoption.look(home.theirs).rows}["sd_vae"] == "This VAE is not in its folder."
    expected = ("VAE", "Stable-diffusion", "Lora", "embeddings", "text_encoder", "hypernetworks", "extensions/sd-webui-controlnet/models")
    assert states(report, "models") == dict.fromkeys(expected, "taken")
    used = {row.name: row.note for row in report.rows if row.source == "models"}
    assert "does not draw with" in used.pop("hypernetworks") and set(used.values()) == {"Its files are read where they lie."}


def test_translations_of_the_page(home: Home) -> None:
    report = home.adoption.take(home.theirs)
    assert states(report, "localizations") == {"xx_XX": "taken", "yy": "taken", "de_DE": "not taken", "broken": "not taken"}
    assert home.settings.value.localization == "xx_XX"
    assert {path.name for path in home.paths.localizations.iterdir()} == {"xx_XX.json", "yy.json"}
    found = localization.load(home.paths, "xx_XX")
    assert found and found.texts == {"Seed": "Samen"}
    assert states(home.adoption.look(home.theirs), "localizations")["yy"] == "already so"
    (home.paths.localizations / "yy.json").write_text('{"Seed": "my own"}')
    assert states(home.adoption.undo(), "localizations") == {"xx_XX": "taken", "yy": "not taken"}
    assert [path.name for path in home.paths.localizations.iterdir()] == ["yy.json"], "what was changed since stays"
    assert home.settings.value.localization == "None"


def test_it_is_taken_back(home: Home) -> None:
    home.settings.change("jpeg_quality", 70)
    home.forms.change("txt2img", {"steps": 40, "tiling": True})
    before = home.settings.value, dict(home.forms.of("txt2img")), style_file.read(home.paths.styles)
    home.adoption.take(home.theirs)
    assert home.adoption.last() == str(home.theirs.resolve())
    home.adoption.undo()
    assert (home.settings.value, dict(home.forms.of("txt2img")), style_file.read(home.paths.styles)) == before
    assert home.forms.of("img2img") == {} and home.adoption.last() == "" and home.moved == 2
    with pytest.raises(NotFound):
        home.adoption.undo()


def test_what_was_changed_since_stays(home: Home) -> None:
    home.adoption.take(home.theirs)
    home.settings.change("samples_format", "avif")
    home.forms.change("txt2img", {**home.forms.of("txt2img"), "steps": 99})
    film = style_file.read(home.paths.styles)["Film"]
    style_file.change(home.paths.styles, film, Style("Film", "changed"))
    report = home.adoption.undo()
    assert home.settings.value == Settings(samples_format="avif")
    assert home.forms.of("txt2img") == {"steps": 99}
    assert style_file.read(home.paths.styles)["Film"] == Style("Film", "changed")
    assert [row.name for row in report.rows if row.state == "not taken"] == ["samples_format", "steps", "Film"]


def test_twice_changes_nothing_more(home: Home) -> None:
    home.adoption.take(home.theirs)
    before = print_of(home.paths.data)
    report = home.adoption.take(home.theirs)
    assert home.settings.value.extra_model_folders == (str(home.theirs.resolve()),)
    assert set(states(report, "models").values()) == {"already so"} and states(report)["save_txt"] == "already so"
    assert "taken" not in states(report).values()
    assert {name: print for name, print in print_of(home.paths.data).items() if "import" not in name} == {n: p for n, p in before.items() if "import" not in n}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b"[" * 5000, b'{"quicksettings_list": [1, {}], "jpeg_quality": "high", "save_txt": null, "": 1}'])
def test_damaged_files_are_said_and_the_rest_is_taken(home: Home, content: bytes) -> None:
    for name in ("config.json", "ui-config.json", "styles.csv"):
        (home.theirs / name).write_bytes(content if name != "styles.csv" else b"\xff\xfe")
    report = home.adoption.take(home.theirs)
    assert states(report)["Stable-diffusion"] == "taken" and any(row.source == "styles.csv" for row in report.rows)
    assert home.settings.value.jpeg_quality == 80


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_a_folder_of_something_else_is_refused(home: Home, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotFound) as caught:
        home.adoption.take(tmp_path / name)
    assert caught.value.remedy and not home.paths.adoptions.exists()


def test_a_disk_that_is_full_is_said_and_what_was_done_can_be_taken_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(form: str, values: object) -> None:
        raise OutputTrouble("The disk is full.", "Free some space.")

    monkeypatch.setattr(home.forms, "change", full)
    with pytest.raises(OutputTrouble):
        home.adoption.take(home.theirs)
    monkeypatch.undo()
    home.adoption.undo()
    assert home.settings.value == Settings()
