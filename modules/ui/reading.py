"""From what a picture or a text says to the form: which values are taken, and what the person is told of the rest.

Only request fields can be set. As in A1111 a picture changes the checkpoint menu only where the settings say so; else its model stands as a chip under "Override settings".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradio.components import Component

from modules.app import App
from modules.catalog.card import Card
from modules.core import inputs
from modules.core.errors import EaselError
from modules.core.params import value_of, walk, with_values
from modules.core.request import AUTOMATIC_VAE, TEXTS, GenerationRequest, templates
from modules.engine.texts import unstyled
from modules.infotext.read import Reading
from modules.ui import menu
from modules.ui.form import Form
from modules.ui.overview import visible
from modules.ui.talk import Answer, Said

KEPT = ("model", "count", "batch_size")
"""What a picture leaves as it is: the model, and how many pictures are wanted."""


RECENT = 20
"""Jobs that are looked through for the last picture."""


@dataclass(eq=False)
class Reader:
    """app: reads pictures and texts. form: what is filled."""

    app: App
    form: Form[GenerationRequest]

    def updates(self, request: GenerationRequest) -> dict[Component, Any]:
        """The refiner goes into its menu, where it is here; an input picture that is not here leaves its place empty."""
        lost = set(inputs.missing(request, self.app.blobs).values())
        gone = {name: "" for name, reference in inputs.references(request).items() if reference in lost and name in self.form.widgets}
        request, named = self._styled(request)
        here = {"refiner.checkpoint": menu.refiner_here(self.app, request), "vae": menu.vae_here(self.app, request)}
        faces = {"faces.restore": request.faces.restore and not self._faceless(request)}
        shown = with_values(request, {**here, **gone, **faces})
        return self.form.fill(shown, [name for name in self.form.widgets if name not in KEPT and (named or name != "styles")])

    def offer(self, request: GenerationRequest) -> dict[str, dict[str, Any]]:
        """The words of the picture, and the template that they were made from; empty without a template."""
        was = templates(request)
        if not was:
            return {}
        return {"picks": self._words(request), "template": self._words(with_values(request, was))}

    def _words(self, request: GenerationRequest) -> dict[str, Any]:
        request, named = self._styled(request)
        return {one.name: value_of(request, one) for one in walk(GenerationRequest) if one.name in TEXTS or named and one.name == "styles"}

    def _styled(self, request: GenerationRequest) -> tuple[GenerationRequest, bool]:
        """Styles lifted out of the prompts as the settings say, and whether the menu is to show them."""
        habit = self.app.settings.value.infotext_styles
        try:
            known = self.app.styles() if habit != "Ignore" else {}
        except EaselError:
            known = {}
        found = unstyled(request, known)
        return found, habit == "Apply" or habit == "Apply if any" and bool(found.styles)

    def on_arrow(self, values: Mapping[Component, Any], user: str) -> Answer:
        """↙️: the infotext in the prompt box, or, when that is empty, the last picture's."""
        text = str(values[self.form.widgets["prompt"]] or "").strip()
        text = text or (self._last(user) if self.app.options.prompt_history else "")
        if not text:
            return Answer(said=Said("There is no text in the prompt and no earlier picture to take parameters from.", "Nothing to read"))
        reading = self.app.intake.text(text)
        if not reading.source:
            return Answer(
                said=Said("The prompt holds no generation parameters. Paste the whole text that belongs to a picture, then press ↙️.", "Nothing to read")
            )
        return self._taken(reading, values)

    def on_drop(self, path: Path | None, values: Mapping[Component, Any]) -> Answer:
        """A picture dropped on the prompt. Raises BadPicture."""
        if path is None:
            return Answer()
        reading = self.app.intake.again(path)
        if not reading.source:
            return Answer(said=Said("There are no generation parameters in this file.", "Nothing to read"))
        return self._taken(reading, values)

    def model_note(self, reading: Reading, model: str) -> str:
        """What to say of the picture's model beside the chosen one; "" when they are the same."""
        told, match = self._model(reading.request)
        if not told:
            return ""
        if match is None:
            return f"It was made with the checkpoint {told}, which is not here."
        if self._is_chosen(match, model):
            return ""
        if self.swaps:
            return f"It was made with the checkpoint {told}, which the menu now shows."
        return f"It was made with the checkpoint {told}. The menu stays as it is; {match.name} stands under Override settings and is used until you remove it there."

    @property
    def swaps(self) -> bool:
        """Whether a picture may change the checkpoint menu."""
        return not self.app.settings.value.disable_weights_auto_swap

    def _model(self, request: GenerationRequest) -> tuple[str, Card | None]:
        """The picture's model as it is told to a person, "" for none, and its card if it is here."""
        name, sha256 = request.model, request.model_hash.lower()
        if not name and not sha256:
            return "", None
        cards = [card for card in self.app.library.checkpoints() if not card.trouble]
        match = next((card for card in cards if sha256 and card.sha256.startswith(sha256)), None) or next((card for card in cards if _called(card, name)), None)
        return f"{name} [{sha256[:10]}]" if name and sha256 else name or sha256[:10], match

    def _is_chosen(self, card: Card, model: str) -> bool:
        try:
            chosen = self.app.card(model)
        except EaselError:
            return False
        return chosen is not None and chosen.path == card.path

    def model_updates(self, request: GenerationRequest, model: str) -> dict[Component, Any]:
        """The picture's model as a chip, or in the menu where the settings let a picture change it; chips of an earlier picture go."""
        _, match = self._model(request)
        if match is None or self._is_chosen(match, model):
            return self.form.chips({})
        names = {value for _, value in menu.entries(self.app)}
        value = match.name if match.name in names else str(match.path)
        if self.swaps:
            return {**self.form.chips({}), self.form.widgets["model"]: menu.listed(menu.entries(self.app), value)}
        return self.form.chips({"model": value})

    def _taken(self, reading: Reading, values: Mapping[Component, Any]) -> Answer:
        lost = [row.key for row in reading.rows if row.state == "not restored"]
        told = [f"From a picture made with {reading.source}."]
        if lost:
            told.append(f"Not restored: {', '.join(lost[:6])}{' …' if len(lost) > 6 else ''}.")
        if note := self.model_note(reading, str(values[self.form.widgets["model"]] or "")):
            told.append(note)
        if reading.request.refiner.checkpoint and not menu.refiner_here(self.app, reading.request):
            told.append(f"Its refiner {reading.request.refiner.checkpoint} is not here.")
        if reading.request.vae_hash and menu.vae_here(self.app, reading.request) == AUTOMATIC_VAE:
            told.append(f"Its VAE {reading.request.vae} is not here.")
        if files := self._faceless(reading.request):
            told.append(f"Its faces were restored, which needs {files}.")
        if reading.request.init.image and "init.image" not in self.form.widgets:
            told.append("It was made from a start picture: to repeat it, drop it on the prompt of img2img.")
        model = str(values[self.form.widgets["model"]] or "")
        said = Said(" ".join(told), "Parameters read", panel=self.form.prefix, offer=self.offer(reading.request))
        return Answer({**self.updates(reading.request), **self.model_updates(reading.request, model)}, said)

    def _faceless(self, request: GenerationRequest) -> str:
        """The files that restoring its faces needs and that are not here."""
        return self.app.lacking_faces(replace(request.faces, networks={}))

    def _last(self, owner: str) -> str:
        """The infotext of the newest drawn picture that this user may see."""
        for job in self.app.store.recent(RECENT):
            if visible(job, owner) and job.pictures and isinstance(job.request, GenerationRequest):
                return job.pictures[-1].infotext
        return ""


def _called(card: Card, name: str) -> bool:
    return bool(name) and name.casefold() in (card.name.casefold(), card.path.name.casefold(), card.title.casefold())
