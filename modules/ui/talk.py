"""Events of the page: a handler changes widgets and may say something to the person. Errors are said too, never swallowed.

Events bypass Gradio's queue, so an answer never waits behind another. Gradio shows its own messages and errors for queued events only; so what is said travels
in a hidden box and `assets/page.js` shows it. Values reach handlers as the browser sent them (`preprocess=False`): the request's own checks name the parameter that is wrong.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.components import Component

from modules.core.errors import EaselError

logger = logging.getLogger(__name__)

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""How every event of the page is declared."""


@dataclass(frozen=True)
class Said:
    """text: shown for some seconds under its title; none when empty. open: element id of the tab to go to. job: id of a job that was submitted, jobs: of several,
    panel: prefix of the panel that is to show its pictures. offer: other words for that panel's prompts, by name and parameter: "template", "picks";
    empty takes an earlier offer back."""

    text: str = ""
    title: str = ""
    kind: Literal["note", "error"] = "note"
    open: str = ""
    job: str = ""
    jobs: tuple[str, ...] = ()
    panel: str = ""
    offer: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Answer:
    """updates: what Gradio is to change, by widget."""

    updates: Mapping[Component, Any] = field(default_factory=dict)
    said: Said = field(default_factory=Said)


Act = Callable[[Mapping[Component, Any], str], Answer]
"""(values of the widgets, the user's login or "") -> Answer. May raise EaselError."""

Explain = Callable[[EaselError], Said]


def explained(error: EaselError) -> Said:
    return Said(str(error), "This did not work", "error")


class Talk:
    """Makes the hidden box in the current place of the page."""

    def __init__(self) -> None:
        self.box = gr.Textbox(elem_id="easel_said", visible="hidden", show_label=False, container=False)

    def on(
        self,
        listen: Callable[..., Any],
        act: Act,
        inputs: set[Component],
        outputs: Iterable[Component] = (),
        explain: Explain = explained,
        js: str | None = None,
    ) -> None:
        """listen: of a widget, as `button.click`. js: a script that the values pass through in the browser before they are sent."""

        def handler(values: Mapping[Component, Any], request: gr.Request) -> dict[Component, Any]:
            try:
                answer = act(values, request.username or "")
            except EaselError as error:
                answer = Answer(said=explain(error))
            except Exception as fault:
                logger.exception("a handler of the page failed")
                answer = Answer(said=Said(f"{type(fault).__name__}. The window in which Easel runs shows the details.", "A fault in Easel itself", "error"))
            return {**answer.updates, self.box: json.dumps(dataclasses.asdict(answer.said))}

        event = listen(handler, inputs, [*outputs, self.box], preprocess=False, trigger_mode="multiple", js=js, **QUIET)
        event.success(None, self.box, None, js="(said) => window.easel.told(said)", show_progress="hidden")


def in_order(inputs: set[Component]) -> list[Component]:
    """Inputs as Gradio hands a set of them to a script in the browser."""
    return sorted(inputs, key=lambda component: component._id)


def uploaded(raw: Any) -> Path | None:
    """The file in an upload box. Gradio has made sure that it lies in its own upload folder."""
    path = raw.get("path") if isinstance(raw, Mapping) else None
    return Path(path) if isinstance(path, str) and path else None
