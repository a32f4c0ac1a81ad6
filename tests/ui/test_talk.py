"""Whatever a handler does, the page gets an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import gradio as gr

from modules.core.errors import InvalidRequest
from modules.ui.talk import Answer, Said, Talk


class Wire:
    """Stands where a widget's listener is: keeps the handler that is put on it."""

    def __init__(self) -> None:
        self.handler: Callable[..., Any] = lambda: None
        self.options: dict[str, Any] = {}

    def __call__(self, handler: Callable[..., Any], inputs: Any, outputs: Any, **options: Any) -> Any:
        self.handler, self.options = handler, options
        return SimpleNamespace(success=lambda *given, **more: None)

    def press(self, talk: Talk, user: str | None = None) -> tuple[dict[Any, Any], dict[str, Any]]:
        updates = self.handler({}, SimpleNamespace(username=user))
        return updates, json.loads(updates.pop(talk.box))


def wired(act: Callable[[Mapping[Any, Any], str], Answer]) -> tuple[Talk, Wire]:
    wire = Wire()
    with gr.Blocks(analytics_enabled=False):
        talk = Talk()
        talk.on(wire, act, set())
    return talk, wire


def test_an_answer() -> None:
    box = object()
    talk, wire = wired(lambda values, user: Answer({box: 1}, Said("text", "title", job=user)))
    updates, said = wire.press(talk, "ann")
    assert updates == {box: 1}
    assert (said["text"], said["title"], said["kind"], said["job"]) == ("text", "title", "note", "ann")
    assert wire.options["queue"] is False and wire.options["preprocess"] is False


def test_an_easel_error_is_explained() -> None:
    def refuse(values: Any, user: str) -> Answer:
        raise InvalidRequest("steps = 0 is too few.", "Give 1 or more.", "steps")

    talk, wire = wired(refuse)
    updates, said = wire.press(talk)
    assert updates == {} and said["kind"] == "error" and said["text"] == "steps = 0 is too few. Give 1 or more."


def test_a_fault_of_ours_is_said_and_logged(caplog: Any) -> None:
    def fall(values: Any, user: str) -> Answer:
        raise KeyError("gone")

    talk, wire = wired(fall)
    _, said = wire.press(talk)
    assert said["kind"] == "error" and "KeyError" in said["text"]
    assert "gone" in caplog.text
