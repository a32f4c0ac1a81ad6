"""What a picture says reaches the form, and nothing else."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from modules.core.errors import BadPicture
from modules.core.extras import ExtrasRequest
from modules.core.params import to_dict, with_values
from modules.core.request import GenerationRequest
from modules.infotext import files, postprocessed, write
from modules.infotext.read import Reading, read, read_text
from modules.infotext.reading import Row
from modules.ui import build, png_info, txt2img
from modules.ui.form import OVERRIDES, Form
from modules.ui.reading import Reader
from modules.ui.talk import Talk, uploaded
from tests.networks import tiny, tiny_joint
from tests.ui.conftest import DrawnApp
from tests.ui.pressing import press

TEXT = "a cat\nNegative prompt: a dog\nSteps: 17, Sampler: Euler a, Schedule type: Automatic, CFG scale: 4.5, Seed: 99, Size: 256x320, Model hash: 0123456789, Model: another"


@pytest.fixture
def reader(app: DrawnApp) -> Reader:
    with gr.Blocks(analytics_enabled=False):
        form: Form[GenerationRequest] = Form(app.default_request(), "txt2img")
        form.put("model", choices=["easel-starter"])
        return txt2img.build(app, form, lambda request, user: "", Talk()).reader


def put_other(app: DrawnApp) -> None:
    """A second checkpoint beside the starter."""
    tiny.save_single(app.paths.models / "Stable-diffusion" / "other.safetensors", tiny.ldm_tensors(*tiny.parts()))
    app.library.refresh()


def values(reader: Reader, **held: Any) -> dict[Any, Any]:
    return {component: held.get(name) for name, component in reader.form.parts().items()}


def shown(reader: Reader, updates: Any) -> dict[str, Any]:
    return {name: updates[component]["value"] for name, component in reader.form.parts().items() if component in updates}


def test_the_arrow_reads_a_pasted_text(reader: Reader) -> None:
    answer = reader.on_arrow(values(reader, prompt=TEXT, model="easel-starter"), "")
    form = shown(reader, answer.updates)
    assert (form["prompt"], form["negative_prompt"], form["steps"], form["sampler"], form["seed"]) == ("a cat", "a dog", 17, "Euler a", "99")
    assert (form["cfg_scale"], form["width"], form["height"]) == (4.5, 256, 320)
    assert not {"model", "count", "batch_size"} & form.keys()
    assert "another" in answer.said.text and "not here" in answer.said.text


def test_the_arrow_takes_the_last_picture_when_the_prompt_is_empty(app: DrawnApp, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no earlier picture" in reader.on_arrow(values(reader, prompt=" "), "").said.text
    finished = app.drawing._finished

    def with_text(request: GenerationRequest, index: int, save: bool) -> Any:
        import dataclasses

        return dataclasses.replace(finished(request, index, save), infotext=write.infotext(request, version="t", checkpoint="easel-starter"))

    monkeypatch.setattr(app.drawing, "_finished", with_text)
    app.until(app.submit(GenerationRequest(prompt="the last one", steps=3, width=64, height=64, seed=5)).id, "done")
    answer = reader.on_arrow(values(reader, prompt="", model="easel-starter"), "")
    assert shown(reader, answer.updates)["prompt"] == "the last one"
    assert reader.on_arrow(values(reader, prompt=""), "").updates


def test_a_plain_prompt_is_left_alone(reader: Reader) -> None:
    answer = reader.on_arrow(values(reader, prompt="a cat, sitting: on a mat"), "")
    assert not answer.updates and answer.said.title == "Nothing to read"


def test_a_dropped_picture_fills_the_form(reader: Reader, tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("parameters", TEXT)
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", pnginfo=texts)
    assert shown(reader, reader.on_drop(tmp_path / "x.png", values(reader)).updates)["seed"] == "99"


def test_a_dropped_file_that_is_no_picture_is_refused(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(BadPicture):
        reader.on_drop(tmp_path / "x.png", values(reader))


def test_a_picture_without_parameters(reader: Reader, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    answer = reader.on_drop(tmp_path / "x.png", values(reader))
    assert not answer.updates and answer.said.text


def test_a_refiner_goes_into_its_menu_where_it_is_here(app: DrawnApp, reader: Reader) -> None:
    text = TEXT + ", Refiner: other [{}], Refiner switch at: 0.6"
    absent = reader.on_arrow(values(reader, prompt=text.format("0" * 10)), "")
    assert shown(reader, absent.updates)["refiner.checkpoint"] == "" and "Its refiner other is not here." in absent.said.text
    put_other(app)
    card = app.library.hashed(app.library.checkpoint("other"))
    form = shown(reader, reader.on_arrow(values(reader, prompt=text.format(card.short_hash)), "").updates)
    assert (form["refiner.checkpoint"], form["refiner.switch_at"]) == ("other", 0.6)


def test_a_dropped_picture_of_img2img_is_sent_there_and_what_it_lacks_is_named(app: DrawnApp, reader: Reader, tmp_path: Path) -> None:
    here = app.blobs.put(b"a picture")
    request = with_values(GenerationRequest(), {"init.image": here, "mask.image": "sha256:" + "0" * 64, "model": "easel-starter"})
    (tmp_path / "x.png").write_bytes(files.encode(Image.new("RGB", (8, 8)), "", {"easel": "1", "request": to_dict(request)}))
    said = reader.on_drop(tmp_path / "x.png", values(reader, model="easel-starter")).said.text
    assert "Not restored: Mask." in said and "drop it on the prompt of img2img" in said


@pytest.mark.parametrize(
    ("model", "sha256", "says"),
    [("easel-starter", "", ""), ("EASEL-STARTER", "", ""), ("", "", ""), ("gone", "", "not here"), ("", "abcdef0123", "not here")],
)
def test_what_is_said_of_the_model(reader: Reader, model: str, sha256: str, says: str) -> None:
    reading = Reading(with_values(GenerationRequest(), {"model": model, "model_hash": sha256}), "Easel")
    note = reader.model_note(reading, "easel-starter")
    assert note == "" if not says else says in note


def test_the_model_of_a_picture_is_a_chip_and_counts(app: DrawnApp, reader: Reader) -> None:
    put_other(app)
    form = reader.form
    request = with_values(GenerationRequest(), {"model": "other"})
    updates = reader.model_updates(request, "easel-starter")
    assert updates[form.further[OVERRIDES]]["value"] == ["Checkpoint: other"] and form.widgets["model"] not in updates
    chosen = form.collect({**values(reader, model="easel-starter"), form.further[OVERRIDES]: ["Checkpoint: other", "Nonsense: 1", "no chip"]})
    assert chosen.model == "other", "a chip goes before the menu; what is no parameter says nothing"
    assert form.collect(values(reader, model="easel-starter")).model == "easel-starter"
    assert reader.model_updates(with_values(GenerationRequest(), {"model": "easel-starter"}), "easel-starter")[form.further[OVERRIDES]]["value"] == []


def test_a_picture_may_change_the_menu_where_the_settings_say_so(app: DrawnApp, reader: Reader) -> None:
    put_other(app)
    app.settings.change("disable_weights_auto_swap", False)
    updates = reader.model_updates(with_values(GenerationRequest(), {"model": "other"}), "easel-starter")
    assert updates[reader.form.widgets["model"]]["value"] == "other" and updates[reader.form.further[OVERRIDES]]["value"] == []


def test_the_table_shows_what_became_of_each_value_and_trusts_nothing() -> None:
    evil = "<img src=x onerror=alert(1)>"
    rows = [Row("Steps", "20"), Row(evil, evil, "approximated", evil), Row("Hires upscale", "2", "not restored", "Not there yet.")]
    page = png_info.table(Reading(GenerationRequest(), evil, rows, [evil]), evil)
    assert "<img" not in page and page.count("&lt;img") == 6
    assert 'class="not-restored"' in page and "Not there yet." in page


@pytest.mark.parametrize(("note", "lost"), [("", 0), ("It was made with another checkpoint.", 2)])
def test_a_model_that_the_menu_keeps_is_not_called_restored(note: str, lost: int) -> None:
    page = png_info.table(read_text(TEXT), note)
    assert page.count("See above.") == lost == page.count('class="not-restored"')


def test_an_a1111_text_in_full() -> None:
    reading = read_text(TEXT)
    page = png_info.table(reading, "")
    assert "Made with AUTOMATIC1111" in page and "Euler a" in page


@pytest.mark.parametrize(
    ("raw", "path"), [({"path": "/tmp/a.png"}, Path("/tmp/a.png")), (None, None), ({}, None), ("x", None), ({"path": 5}, None), ([], None)]
)
def test_uploaded(raw: object, path: Path | None) -> None:
    assert uploaded(raw) == path


def test_texts_of_a_file_without_a1111s_text() -> None:
    from modules.infotext import files

    chunks = PngInfo()
    chunks.add_text("Comment", "made by hand")
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "png", pnginfo=chunks)
    assert png_info.texts(files.read(data.getvalue())) == "Comment: made by hand"


TEMPLATE: Any = {"wildcards": {"was": {"prompt": "a __thing__, film grain", "negative_prompt": "{x|cartoon}"}}}


@pytest.mark.parametrize(
    ("habit", "prompt", "names"),
    [("Apply if any", "a cat", ["film"]), ("Apply", "a cat", ["film"]), ("Discard", "a cat", None), ("Ignore", "a cat, film grain", None)],
)
def test_styles_are_lifted_out_as_the_settings_say(app: DrawnApp, reader: Reader, habit: str, prompt: str, names: list[str] | None) -> None:
    app.paths.styles.write_text("name,prompt,negative_prompt\nfilm,film grain,cartoon\n", "utf-8")
    app.settings.change("infotext_styles", habit)
    form = shown(reader, reader.updates(GenerationRequest(prompt="a cat, film grain", negative_prompt="cartoon")))
    assert form["prompt"] == prompt and form.get("styles") == names
    assert form["negative_prompt"] == ("cartoon" if habit == "Ignore" else "")
    plain = shown(reader, reader.updates(GenerationRequest(prompt="a dog")))
    assert plain.get("styles") == ([] if habit == "Apply" else None), "a menu that holds others stays, unless it is to be set in any case"


def test_a_template_is_offered_beside_the_words_that_came_of_it(app: DrawnApp, reader: Reader) -> None:
    app.paths.styles.write_text("name,prompt,negative_prompt\nfilm,film grain,\n", "utf-8")
    request = GenerationRequest(prompt="a cat, film grain", negative_prompt="x", extensions=TEMPLATE)
    offer = reader.offer(request)
    assert (offer["picks"]["prompt"], offer["picks"]["negative_prompt"], offer["picks"]["styles"]) == ("a cat", "x", ("film",))
    assert (offer["template"]["prompt"], offer["template"]["negative_prompt"], offer["template"]["styles"]) == ("a __thing__", "{x|cartoon}", ("film",))
    assert reader.offer(GenerationRequest(prompt="a cat")) == {}


def test_the_arrow_says_so_when_the_words_came_of_a_template(reader: Reader) -> None:
    text = TEXT.replace("Model: another", 'Model: another, Template: "a __thing__, big"')
    answer = reader.on_arrow(values(reader, prompt=text), "")
    assert answer.said.panel == "txt2img" and answer.said.offer and answer.said.offer["template"]["prompt"] == "a __thing__, big"
    assert shown(reader, answer.updates)["prompt"] == "a cat", "the default is the same picture"


def test_without_a_prompt_history_the_arrow_takes_no_earlier_picture(app: DrawnApp, reader: Reader) -> None:
    app.until(app.submit(GenerationRequest(prompt="a cat", steps=2, width=64, height=64)).id, "done")
    app.options = dataclasses.replace(app.options, prompt_history=False)
    assert "no earlier picture" in reader.on_arrow(values(reader, prompt=""), "").said.text


def test_a_photograph_made_larger_is_called_by_its_name() -> None:
    wish = ExtrasRequest(images=("sha256:" + "0" * 64,), upscaler="Lanczos")
    tree = postprocessed.document(wish, {"machine": "a test"}, None, "1")
    made = files.read(files.encode(Image.new("RGB", (8, 8)), "", tree))
    assert "<h3>Made by Extras</h3>" in png_info.table(read(made), "")
    assert "no generation parameters" in png_info.table(read(files.read(files.encode(Image.new("RGB", (8, 8)), ""))), "")


def test_modules_that_forge_names_stay_in_the_form_and_act_on_what_takes_them(app: DrawnApp) -> None:
    shelf = app.paths.models / "Stable-diffusion"
    shelf.mkdir(parents=True, exist_ok=True)
    save_file(tiny_joint.single_file(tiny_joint.flux(), bundle=False), shelf / "alone.safetensors")
    for place, name, tensors in (
        ("text_encoder", "my_l", tiny_joint.encoder_tensors(tiny_joint.flux()["text_encoder"])),
        ("VAE", "ae", tiny_joint.vae_tensors(tiny_joint.flux()["vae"])),
    ):
        (app.paths.models / place).mkdir()
        save_file(tensors, app.paths.models / place / f"{name}.safetensors")
    put_other(app)
    page = build.page(app)
    text = "x\nSteps: 3, Sampler: Euler, CFG scale: 1, Seed: 1, Size: 64x64, Model: alone, Version: f2.0.1, Module 1: my_l, Module 2: ae, Module 3: gone"
    updates, _ = press(page, "paste", txt2img_prompt=text, setting_sd_model_checkpoint="easel-starter")
    assert updates["txt2img_companions"]["value"] == ["my_l", "ae"]
    kept = {
        "txt2img_companions": ["my_l", "ae"],
        "txt2img_sampling": "Euler",
        "txt2img_scheduler": "Simple",
        "txt2img_steps": 1,
        "txt2img_width": 64,
        "txt2img_height": 64,
    }
    for model, expected in (("alone", {"my_l": "", "ae": ""}), ("other", {})):
        _, said = press(page, "txt2img_generate", setting_sd_model_checkpoint=model, **kept)
        assert app.until(said["job"], "done", "failed").request.companions == expected
