"""The checkpoint menu: what stands in it, and what a choice brings with it."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.catalog.lookup import TITLE, titled
from modules.core.errors import EaselError, NotFound
from modules.core.extras import ExtrasRequest
from modules.core.groups.faces import RestoredFaces
from modules.core.params import named, value_of, walk
from modules.core.records.families import FAMILIES
from modules.core.records.upscalers import LATENT_UPSCALERS
from modules.core.request import AUTOMATIC_VAE, OWN_VAE, GenerationRequest
from modules.engine.companions import ROLES
from modules.ui import lacking, layout, styles
from modules.ui.form import Form, chosen_of
from modules.ui.talk import Answer, Said, Talk, in_order

SUITED = ("width", "height", "steps", "cfg_scale", "sampler", "schedule")
"""What another model brings with it. Prompts, seed, counts and all else stay as the user set them."""


def entries(app: App) -> list[tuple[str, str]]:
    """(shown, value) of each checkpoint. The value is its name, or its path where two have one name."""
    cards = app.library.checkpoints()
    often = Counter(card.name for card in cards)
    return [(f"{card.title} (cannot be used)" if card.trouble else card.title, card.name if often[card.name] == 1 else str(card.path)) for card in cards]


def refiners(app: App) -> list[tuple[str, str]]:
    """(shown, value) of what may take over from the checkpoint."""
    return [("None", ""), *entries(app)]


def refiner_here(app: App, request: GenerationRequest) -> str:
    """The entry's value of a request's refiner; "" where there is none, or none of that name and hash is here. At most one file is hashed for it: a page waits."""
    name, sha256 = request.refiner.checkpoint, request.refiner.checkpoint_hash.lower()
    card = app.library.preferred(titled(name, sha256))
    try:
        told = TITLE.match(name)
        asked = sha256 or (told["hash"].lower() if told else "")
        if card is None or asked and not app.library.hashed(card).sha256.startswith(asked):
            return ""
    except EaselError:
        return ""
    names = [value for _, value in entries(app)]
    return card.name if card.name in names else str(card.path)


def vaes(app: App) -> list[tuple[str, str]]:
    """(shown, value) of what may stand in for a checkpoint's own VAE."""
    names = [card.path.name for card in app.library.files("vae") if not card.trouble]
    return [(name, name) for name in dict.fromkeys((AUTOMATIC_VAE, OWN_VAE, *names))]


def companions(app: App) -> list[tuple[str, str]]:
    """(shown, value) of what a checkpoint that holds no text encoders and VAE may draw with."""
    encoders = [card.name for card in app.library.files("text-encoder") if not card.trouble]
    vaes = [card.name for card in app.library.files("vae") if not card.trouble and card.family in ROLES]
    return [(name, name) for name in dict.fromkeys((*encoders, *vaes))]


def vae_here(app: App, request: GenerationRequest) -> str:
    """The entry's value of a request's VAE; "Automatic" where none of that name and hash is here."""
    if not request.vae_hash and request.vae in (AUTOMATIC_VAE, OWN_VAE):
        return request.vae
    try:
        return app.library.named("vae", request.vae, request.vae_hash).path.name
    except EaselError:
        return AUTOMATIC_VAE


def looks(app: App) -> dict[str, dict[str, Any]]:
    """What hangs on files in the forms, by parameter: menus that list them, and widgets that are dead without them."""
    return {name: {"choices": entries_of(app)} for name, entries_of in MENUS.items()} | faces(app)


def faces(app: App) -> dict[str, dict[str, Any]]:
    """Widgets of face networks, by parameter: dead, and saying what to put where, while a file is missing. Of a drawn picture one restorer will do."""
    missing, found = app.missing_faces(), {}
    for name, files in missing.items():
        usual = named(ExtrasRequest, f"faces.{name}").param.hint
        found[f"faces.{name}"] = {"interactive": not files, "info": f"Needs {', '.join(files)}" if files else usual}
    weight = named(ExtrasRequest, "faces.codeformer_weight").param.hint
    found["faces.codeformer_weight"] = {"interactive": found["faces.codeformer"]["interactive"], "info": weight}
    lack = app.lacking_faces(RestoredFaces(restore=True))
    for name in (field.name for field in walk(GenerationRequest) if field.path[0] == "faces"):
        told = lack and not name.endswith("weight")  # which stands beside the restorer
        found[name] = {"interactive": not lack, "info": f"Needs {lack}" if told else named(GenerationRequest, name).param.hint}
    return found


def with_faces(app: App, form: Form[Any], updates: Mapping[Component, Any]) -> dict[Component, Any]:
    """The updates, and those of widgets of face networks as they are now."""
    now = {form.widgets[name]: gr.update(**look) for name, look in faces(app).items() if name in form.widgets}
    return {**updates, **{widget: {**updates.get(widget, {}), **update} for widget, update in now.items()}}


def long(app: App) -> dict[str, Callable[[], list[tuple[str, str]]]]:
    """Menus of the forms that list checkpoints, or styles: the page holds only what is chosen of them."""
    return {"model": lambda: entries(app), "refiner.checkpoint": lambda: refiners(app), "styles": lambda: [(name, name) for name in styles.names(app)]}


MENUS: Mapping[str, Callable[[App], list[tuple[str, str]]]] = {
    "vae": vaes,
    "companions": companions,
    "hires.upscaler": lambda app: [(name, name) for name in (*LATENT_UPSCALERS, *app.upscaler_names())],
    **dict.fromkeys(("init.upscaler", "upscaler", "second"), lambda app: [(name, name) for name in app.upscaler_names()]),
}
"""Parameters whose menus list files, and their entries."""


def default(app: App) -> str:
    """The entry's value of the model that a new page starts with; "" when there is none."""
    card = app.card()
    names = [value for _, value in entries(app)]
    return "" if card is None else card.name if card.name in names else str(card.path)


def suited(app: App, model: str) -> tuple[GenerationRequest, list[str]]:
    """The model's default request, and the parameters that choosing it sets: SUITED, and whatever else its card gives advice on."""
    request, plain = app.default_request(model), GenerationRequest()
    advised = [field.name for field in walk(GenerationRequest) if value_of(request, field) != value_of(plain, field)]
    return request, [name for name in dict.fromkeys((*SUITED, *advised)) if name not in ("model", "model_hash", "prompt", "seed")]


def build(app: App, forms: Sequence[Form[GenerationRequest]], refresh: gr.Button, talk: Talk, further: Sequence[Form[Any]] = ()) -> gr.Textbox:
    """Wires the menu, which all forms share, and its button. further: forms that have menus of files and no checkpoint. -> the hidden box that holds the model that was chosen last; whoever sets the menu sets it too."""
    menu = forms[0].widgets["model"]
    boxes = dict.fromkeys(box for form in forms for box in form.inputs)
    others = {form.widgets[name]: entries_of for form in (*forms, *further) for name, entries_of in MENUS.items() if name in form.widgets}
    second = [form.widgets["refiner.checkpoint"] for form in forms if "refiner.checkpoint" in form.widgets]
    last = gr.Textbox(default(app), elem_id="easel_chosen", visible="hidden", show_label=False, container=False)

    def on_choice(values: Mapping[Component, Any], user: str) -> Answer:
        model = str(values[menu] or "")
        if model == str(values[last] or ""):  # a menu that is only left tells of an input too
            return Answer()
        request, names = suited(app, model)
        card = app.card(model)
        record = FAMILIES.find(card.family) if card else None
        told = f"{request.width} × {request.height}, {request.steps} steps, {request.sampler}, CFG {request.cfg_scale:g}."
        said = Said(told, f"Set to what suits {card.name}") if card else Said()
        hint = gr.update(placeholder=layout.prompt_hint(app.example(model)))
        updates: dict[Component, Any] = {last: model}
        for form in forms:
            sized = names if form.prefix == "txt2img" else [name for name in names if name not in ("width", "height")]  # a picture has a size of its own
            updates |= form.fill(request, sized) | {form.widgets["prompt"]: hint}
            back, why = lacking.fallen_back(record, form, values) if record else ({}, [])
            updates |= back
            said = dataclasses.replace(said, text=" ".join(dict.fromkeys([said.text, *why])))
        return Answer(updates, said)

    def on_refresh(values: Mapping[Component, Any], user: str) -> Answer:
        before = {value for _, value in entries(app)}
        app.library.refresh()
        found = entries(app)
        new = [value for _, value in found if value not in before]
        told = f"New: {', '.join(new)}." if new else f"{len(found)} found, nothing new."
        update = listed(found, values[menu])
        others_now = {other: gr.update(choices=(found := entries_of(app)), value=kept(found, values[other])) for other, entries_of in others.items()}
        others_now |= {box: listed(refiners(app), values[box]) for box in second}
        for form in (*forms, *further):
            others_now = with_faces(app, form, others_now)
        return Answer({menu: update, last: update["value"] or "", **others_now}, Said(told, "Checkpoints"))

    card = gr.Textbox("", visible="hidden", show_label=False, container=False)
    choose = gr.Button("Choose", elem_id="easel_choose", visible="hidden")

    def on_card(values: Mapping[Component, Any], user: str) -> Answer:
        """A card of the Models tab: as if it had been chosen in its menu. The browser says which menu, and of a VAE which panel's."""
        wish = json.loads(str(values[card]) or "{}")
        kind, wanted = str(wish.get("kind", "")), str(wish.get("value", ""))
        found = vaes(app) if kind == "vae" else entries(app)
        if wanted not in [value for _, value in found]:
            raise NotFound(f"There is no {'VAE' if kind == 'vae' else 'checkpoint'} {wanted[:80]!r}.", "Refresh the list.", "model")
        if kind == "vae":
            form = next((form for form in forms if form.prefix == wish.get("panel")), forms[0])
            return Answer({form.widgets["vae"]: gr.update(choices=found, value=wanted)}, Said(wanted, f"VAE of {form.prefix}"))
        answer = on_choice({**values, menu: wanted}, user)
        return Answer({**answer.updates, menu: listed(found, wanted)}, answer.said)

    held = lacking.menus_of(forms)
    talk.on(menu.input, on_choice, {menu, last, *held}, [*boxes, last])
    given = {card, last, *held}
    ready = f"(...values) => values.toSpliced({in_order(given).index(card)}, 1, window.easel.models.choose)"
    talk.on(choose.click, on_card, given, dict.fromkeys([menu, *boxes, last]), js=ready)
    dead = dict.fromkeys(form.widgets[name] for form in (*forms, *further) for name in faces(app) if name in form.widgets)
    talk.on(refresh.click, on_refresh, {menu, *second, *others}, [menu, last, *second, *others, *dead])
    return last


def kept(found: list[tuple[str, str]], chosen: Any) -> Any:
    """The choice where it is still there, else the first entry's value. Of a menu of several, all of it."""
    if isinstance(chosen, list):
        return chosen
    values = [value for _, value in found]
    return chosen if chosen in values else (values[0] if values else None)


def listed(found: list[tuple[str, str]], chosen: Any) -> dict[str, Any]:
    """The update of a long menu that keeps the choice where it is still there."""
    value = kept(found, chosen)
    return gr.update(choices=chosen_of(found, value), value=value)
