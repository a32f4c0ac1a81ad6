"""Where each parameter of a request stands on the page: A1111's order, rows and element ids, written by hand.

Every field of `GenerationRequest` stands in each form once, or in HIDDEN with the reason; `tests/ui/test_layout.py` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.core.params import walk
from modules.core.request import GenerationRequest
from modules.ui.form import Form

_NOWHERE: dict[str, str] = {
    "model_hash": "filled in when the request is resolved; the checkpoint menu names the model",
    "vae_hash": "filled in when the request is resolved; the VAE's menu names the file",
    "refiner.vae": "found and filled in when the request is resolved, as the checkpoint's own is; the VAE's menu is for both",
    "refiner.vae_hash": "filled in when the request is resolved",
    "refiner.checkpoint_hash": "filled in when the request is resolved; the refiner's menu names the model",
    "embeddings": "filled in from the prompt when the request is resolved",
    "loras": "filled in from the prompt when the request is resolved",
    "extensions": "filled in by extensions",
    "init.batch": "given by programs; the page works on one picture at a time",
    "init.color_from": "filled in by Loopback",
    "as_is": "set once extensions had their turn; what is typed into the page is theirs to change",
    "enlarging.networks": "filled in when the request is resolved; the menus name the upscalers",
    "faces.networks": "filled in when the request is resolved; the menu names the restorer",
    "solver.named": "only A1111's API leaves these keys out of a picture's text",
    "script.args": "each script's arguments have a form of their own within the Script menu",
}

HIDDEN: dict[str, dict[str, str]] = {
    "txt2img": {
        **_NOWHERE,
        **{field.name: "belongs to the form for work on pictures" for field in walk(GenerationRequest) if field.path[0] in ("init", "mask", "outpaint")},
    },
    "img2img": {
        **_NOWHERE,
        "mask.latent": "given by programs and scripts; otherwise made from the mask",
        **{field.name: "belongs to the form that starts from noise" for field in walk(GenerationRequest) if field.path[0] == "hires"},
        "refiner.passes": "chooses between passes, and there is only one",
        "shortcuts.merging_hires": "belongs to a second pass, and there is only one",
    },
}
"""Of each form: parameters that do not stand in it, and why."""

HEADER = ("model",)
"""Stands in the page's header, as in A1111's quicksettings row."""

IDS: dict[str, str] = {
    "negative_prompt": "neg_prompt",
    "sampler": "sampling",
    "schedule": "scheduler",
    "count": "batch_count",
    "script.name": "script_list",
    "vae": "sd_vae",
    "faces.restore": "restore_faces",
    "faces.restorer": "face_restoration_model",
    "faces.weight": "code_former_weight",
    "variation.seed": "subseed",
    "variation.strength": "subseed_strength",
    "variation.width": "seed_resize_from_w",
    "variation.height": "seed_resize_from_h",
    "init.resize_mode": "resize_mode",
    "init.strength": "denoising_strength",
    "mask.blur_x": "mask_blur",
    "mask.invert": "mask_mode",
    "mask.content": "inpainting_fill",
    "mask.area": "inpaint_full_res",
    "mask.padding": "inpaint_full_res_padding",
}
"""A1111's element ids, without the tab's prefix."""

VARIATION = ("variation.seed", "variation.strength", "variation.width", "variation.height")

Accordions = tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...]
"""Title, element id, rows of what is seldom touched."""

ACCORDIONS: Accordions = (
    (
        "Hires. fix",
        "hr",
        (
            ("hires.enabled",),
            ("hires.upscaler",),
            ("hires.steps", "hires.strength"),
            ("hires.scale",),
            ("hires.width", "hires.height"),
            ("hires.sampler", "hires.schedule"),
            ("hires.prompt",),
            ("hires.negative_prompt",),
        ),
    ),
    (
        "Refiner",
        "refiner",
        (("refiner.checkpoint", "refiner.switch_at"), ("refiner.passes", "refiner.by_steps")),
    ),
    (
        "Prompt reading",
        "reading",
        (("text.emphasis", "text.clip_skip"), ("text.comma_backtrack",), ("text.comments", "text.old_editing")),
    ),
    (
        "Sampler",
        "solver",
        (("solver.eta", "solver.ensd"), ("solver.churn", "solver.noise"), ("solver.tmin", "solver.tmax")),
    ),
    (
        "Schedule",
        "spacing",
        (
            ("spacing.sigmas",),
            ("spacing.sigma_min", "spacing.sigma_max", "spacing.rho"),
            ("spacing.beta_alpha", "spacing.beta_beta"),
            ("spacing.shift",),
            ("spacing.noise_schedule",),
            ("spacing.discard_penultimate", "spacing.sgm_noise"),
            ("spacing.quantize", "spacing.downcast_alphas"),
        ),
    ),
    (
        "Guidance",
        "guidance",
        (
            ("guidance.distilled",),
            ("guidance.interval_high", "guidance.interval_low"),
            ("guidance.min_sigma", "guidance.skip_early"),
            ("guidance.min_sigma_all", "guidance.pad_conds"),
        ),
    ),
    (
        "Shortcuts",
        "shortcuts",
        (("shortcuts.merging", "shortcuts.merging_hires"), ("shortcuts.deep_steps", "shortcuts.first_block")),
    ),
    ("Faces", "faces", (("faces.restorer", "faces.weight"),)),
    ("SDXL", "framing", (("framing.top", "framing.left"), ("framing.high", "framing.low"))),
    ("VAE / Text encoders", "vae", (("vae",), ("vae_full", "vae_tiled"), ("companions",))),
    (
        "Computing",
        "computing",
        (
            ("noise_source",),
            ("precision", "text_precision"),
            ("storage",),
            ("batched", "guidance.apart"),
            ("enlarging.tile", "enlarging.overlap"),
            ("enlarging.full",),
        ),
    ),
)


def standing(prefix: str) -> Accordions:
    """ACCORDIONS without what does not stand in a form."""
    kept = ((title, elem_id, tuple(tuple(name for name in names if name not in HIDDEN[prefix]) for names in rows)) for title, elem_id, rows in ACCORDIONS)
    return tuple((title, elem_id, tuple(filter(None, rows))) for title, elem_id, rows in kept if any(rows))


TOOLS: dict[str, tuple[str, str]] = {
    "refresh_sd_model_checkpoint": ("🔄", "Look for new checkpoints"),
    "paste": ("↙️", "Read parameters from the prompt, or from the last picture if the prompt is empty"),
    "clear_prompt": ("🗑️", "Clear the prompt"),
    "prompt_history": ("🕘", "Choose among earlier prompts"),
    "insertions": ("🃏", "Insert into the prompt: wildcards and what else extensions offer"),
    "extra_networks": ("🎴", "Choose among your models: LoRA, embeddings, checkpoints"),
    "style_apply": ("📋", "Write the chosen styles into the prompts"),
    "style_create": ("💾", "Save the prompts as a style"),
    "styles_edit_button": ("🖌️", "Edit the table of styles"),
    "res_switch_btn": ("⇅", "Swap width and height"),
    "size_menu": ("📏", "Choose among sizes that suit the checkpoint"),
    "detect_image_size_btn": ("📐", "Take the size of the picture"),
    "random_seed": ("🎲", "Draw a new seed each time"),
    "reuse_seed": ("♻️", "Use the seed of the shown picture"),
    "random_subseed": ("🎲", "Draw a new variation seed each time"),
    "reuse_subseed": ("♻️", "Use the variation seed of the shown picture"),
}
"""Element id without prefix -> glyph, and what the button does: its tooltip and its name for screen readers (given to it by `assets/page.js`)."""


WITHOUT_PREFIX = ("refresh_sd_model_checkpoint", "paste")
"""Of TOOLS: those whose element id stands alone in txt2img and in the header."""

KEYS = "(Press Ctrl+Enter to generate, Alt+Enter to skip, Esc to interrupt)"


def prompt_hint(example: str) -> str:
    """What the empty prompt box shows."""
    return f"Prompt, for example: {example}\n{KEYS}" if example else f"Prompt\n{KEYS}"


def row(form: Form[Any], *names: str, **look: Any) -> list[Component]:
    with gr.Row(elem_classes="easel-row"):
        return [form.put(name, **look) for name in names]


def tool_id(prefix: str, name: str) -> str:
    return name if name in WITHOUT_PREFIX and prefix == "txt2img" else f"{prefix}_{name}"


def tool(prefix: str, name: str) -> gr.Button:
    """A small square button of TOOLS that shows a glyph."""
    glyph, _ = TOOLS[name]
    return gr.Button(glyph, elem_id=tool_id(prefix, name), elem_classes="tool", size="sm", min_width=0, scale=0)


def sampling(form: Form[GenerationRequest]) -> None:
    with gr.Row(elem_id=f"{form.prefix}_sampler_selection", elem_classes="easel-row"):
        form.put("sampler", min_width=120)
        form.put("schedule", min_width=120)
        form.put("steps", min_width=160, scale=2)


def checkboxes(form: Form[GenerationRequest]) -> None:
    with gr.Row(elem_id=f"{form.prefix}_checkboxes", elem_classes=["easel-row", "easel-checks"]):
        form.put("faces.restore")
        form.put("tiling")


def dimensions(form: Form[GenerationRequest], *tools: str) -> None:
    """Sizes and counts. tools: further buttons beside ⇅."""
    with gr.Row(elem_id=f"{form.prefix}_dimensions", elem_classes=["easel-row", "easel-dimensions"]):
        with gr.Column(elem_id=f"{form.prefix}_column_size", scale=4, min_width=200):
            form.put("width")
            form.put("height")
        with gr.Column(elem_id=f"{form.prefix}_dimensions_row", elem_classes="easel-swap", scale=0, min_width=0):
            for name in ("res_switch_btn", "size_menu", *tools):
                tool(form.prefix, name)
        with gr.Column(elem_id=f"{form.prefix}_column_batch", scale=4, min_width=200):
            form.put("count")
            form.put("batch_size")


def guidance(form: Form[GenerationRequest]) -> None:
    with gr.Row(elem_classes="easel-row"):
        form.put("cfg_scale")


def seeds(form: Form[GenerationRequest]) -> None:
    """The seed row with dice and recycle, and the row that "Extra" opens. Their buttons act in the browser (`assets/panel.js`)."""
    with gr.Row(elem_id=f"{form.prefix}_seed_row", elem_classes=["easel-row", "easel-seed"]):
        form.put("seed", min_width=100)
        tool(form.prefix, "random_seed")
        tool(form.prefix, "reuse_seed")
        form.switch("variation", "Extra", VARIATION, elem_id=f"{form.prefix}_subseed_show", elem_classes="easel-extra", min_width=0, scale=0)
    with gr.Column(elem_id=f"{form.prefix}_seed_extras", elem_classes="easel-extras"):
        with gr.Row(elem_id=f"{form.prefix}_subseed_row", elem_classes=["easel-row", "easel-seed"]):
            form.put("variation.seed", min_width=100)
            tool(form.prefix, "random_subseed")
            tool(form.prefix, "reuse_subseed")
            form.put("variation.strength", min_width=120)
        row(form, "variation.width", "variation.height")


def remaining(form: Form[GenerationRequest], wanted: Accordions) -> Accordions:
    """The accordions without what stands elsewhere already (in the header), and without those that this empties."""
    left = [(title, id, tuple(tuple(name for name in names if name not in form.widgets) for names in rows)) for title, id, rows in wanted]
    return tuple((title, id, tuple(filter(None, rows))) for title, id, rows in left if any(rows))


def accordions(form: Form[GenerationRequest], wanted: Accordions, group_of: Mapping[str, str] | None = None) -> None:
    """group_of: element id of an accordion -> the group of `modes.GROUPS` that it belongs to."""
    for title, elem_id, rows in wanted:
        classes = ["easel-accordion"] + ([f"easel-group-{group_of[elem_id]}"] if group_of and elem_id in group_of else [])
        with gr.Accordion(title, open=False, elem_id=f"{form.prefix}_{elem_id}", elem_classes=classes):
            for names in rows:
                row(form, *names)
