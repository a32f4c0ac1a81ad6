"""Batch: many start pictures, one job each. Uploaded ones, or those of a folder of this machine; with masks of the same names, and with parameters from the pictures' own files.

The browser brings the pictures (`assets/batch.js`, `ui/inputs.py`) and names them here by reference. Each becomes a job of its own in the queue, so that any of them
can be cancelled, and the ones before a stop are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.errors import BadPicture, EaselError, InvalidRequest, NotFound
from modules.core.params import named, value_of, with_values
from modules.core.request import GenerationRequest
from modules.imaging.opening import opened
from modules.ui.form import Form

MOST = 1000
"""Pictures of one batch."""
LARGEST = 128 * 2**20
"""Bytes of a picture of a folder."""
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff")

PNG_INFO: dict[str, tuple[str, ...]] = {
    "Prompt": ("prompt",),
    "Negative prompt": ("negative_prompt",),
    "Seed": ("seed", "variation.seed", "variation.strength"),
    "CFG scale": ("cfg_scale",),
    "Sampler": ("sampler", "schedule"),
    "Steps": ("steps",),
    "Checkpoint": ("model", "model_hash"),
}
"""What a picture's own parameters may set, and which fields that is."""

PLACE = """
<div class="easel-batch">
  <button type="button" class="empty"><b>Drop pictures here</b><span>or click to choose several</span></button>
  <ul aria-label="Pictures of the batch"></ul>
</div>
"""


@dataclass(frozen=True)
class Item:
    """One picture of a batch. name: its file's. mask: a reference, "" without one."""

    name: str
    image: str
    mask: str = ""


def build(form: Form[GenerationRequest]) -> gr.Textbox:
    """Makes the controls in the current place of the page. -> the box in which the browser names the pictures."""
    items = gr.Textbox("", elem_id="img2img_batch_items", visible="hidden", show_label=False, container=False)
    with gr.Column(elem_id="img2img_batch", elem_classes=["easel-group-batch", "easel-block"], min_width=0):
        gr.HTML(PLACE, elem_id="img2img_batch_upload", apply_default_css=False)
        with gr.Row(elem_classes="easel-row"):
            hint = "Or a folder on the machine that Easel runs on, from a browser on that machine."
            form.add("batch_folder", gr.Textbox("", label="Input directory", info=hint, elem_id="img2img_batch_input_dir", max_lines=1, min_width=200))
            hint = "Masks with the pictures' names, or one for all. White is drawn anew."
            form.add(
                "batch_masks",
                gr.Textbox("", label="Mask directory", info=hint, elem_id="img2img_batch_inpaint_mask_dir", placeholder=" ", max_lines=1, min_width=200),
            )
        label = "Taken from each picture's own parameters"
        form.add("batch_info", gr.CheckboxGroup([*PNG_INFO], value=[], label=label, elem_id="img2img_batch_png_info_props", elem_classes="easel-radio"))
    return items


def read(text: Any) -> list[Item]:
    """What the browser named. Raises InvalidRequest."""
    try:
        found = [Item(str(one["name"]), str(one["image"]), str(one.get("mask") or "")) for one in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InvalidRequest("The list of pictures cannot be read.", "Reload the page and choose them again.") from None
    if not found:
        raise InvalidRequest("There are no pictures for a batch.", "Drop some on the field, choose files, or name a folder.", "init.image")
    if len(found) > MOST:
        raise InvalidRequest(f"{len(found)} pictures are more than a batch takes.", f"Give at most {MOST} at a time.", "init.image")
    return found


def submitted(
    app: App, items: Sequence[Item], make: Callable[[Item], GenerationRequest], info: Sequence[str], submit: Callable[[GenerationRequest], str]
) -> tuple[list[str], str]:
    """Puts each picture into the queue. -> (ids of the jobs, what to tell). One that cannot be used is left out and named. Raises when none can."""
    ids, left_out = [], []
    first: EaselError | None = None
    for item in items:
        try:
            ids.append(submit(with_info(app, make(item), item, info)))
        except EaselError as error:
            first = first or error
            left_out.append(f"{item.name}: {error}")
    if first and not ids:
        raise first
    told = f"{len(ids)} {'pictures are' if len(ids) != 1 else 'picture is'} in the queue."
    if left_out:
        told += f" Left out: {'; '.join(left_out[:4])}{' …' if len(left_out) > 4 else ''}"
    return ids, told


def with_info(app: App, request: GenerationRequest, item: Item, wanted: Sequence[str]) -> GenerationRequest:
    """The request with what the picture's own parameters say; its prompt comes after the form's, as in A1111. Raises BadPicture, InvalidRequest."""
    names = [name for key in wanted for name in PNG_INFO.get(key, ())]
    if not names:
        return request
    reading = app.intake.picture(app.blobs.get(item.image, "init.image"))
    if not reading.source:
        return request
    values = {name: value_of(reading.request, named(GenerationRequest, name)) for name in names}
    for name in ("prompt", "negative_prompt"):
        if name in values:
            values[name] = f"{value_of(request, named(GenerationRequest, name))} {values[name]}".strip()
    return with_values(request, values)


def of_folder(app: App, folder: str, masks: str = "") -> dict[str, Any]:
    """Keeps the pictures of a folder of this machine, and their masks. -> {items, left_out}. Only reads there. Raises InvalidRequest, NotFound, OutputTrouble."""
    pictures = _files(folder, "Input directory")
    if not pictures:
        raise NotFound(f"There are no pictures in {folder}.", f"Pictures end in {', '.join(ENDINGS)}.")
    covers = {path.stem: path for path in _files(masks, "Mask directory")} if masks.strip() else {}
    items, left_out = [], []
    for path in pictures[:MOST]:
        cover = covers.get(path.stem) or (next(iter(covers.values())) if len(covers) == 1 else None)
        try:
            if covers and cover is None:
                raise NotFound("there is no mask of this name")
            items.append({"name": path.name, "image": _kept(app, path), "mask": _kept(app, cover) if cover else ""})
        except (BadPicture, NotFound) as error:
            left_out.append(f"{path.name}: {error}")
    left_out += [f"{path.name}: a batch takes {MOST} pictures" for path in pictures[MOST:]]
    return {"items": items, "left_out": left_out}


def _files(folder: str, label: str) -> list[Path]:
    place = Path(folder.strip()).expanduser()
    try:
        if not place.is_absolute() or not place.is_dir():
            raise NotFound(f"{label}: {folder.strip()[:200]!r} is no folder on this machine.", "Give its whole path.")
        return sorted(path for path in place.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    except (OSError, ValueError) as error:
        raise NotFound(f"{label}: {folder.strip()[:200]!r} cannot be read: {error}.", "Check the path and its rights.") from None


def _kept(app: App, path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise BadPicture(f"it has more than {LARGEST // 2**20} MB")
        data = path.read_bytes()
    except OSError as error:
        raise BadPicture(f"it cannot be read: {error.strerror or error}") from None
    opened(data)
    return app.blobs.put(data)


def info_of(values: Mapping[Component, Any], form: Form[GenerationRequest]) -> list[str]:
    chosen = values[form.further["batch_info"]]
    return [name for name in chosen if name in PNG_INFO] if isinstance(chosen, list) else []
