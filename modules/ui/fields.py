"""The widget of a declared parameter, and the way of its value into the widget and out of it.

Goes by the declaration alone (`core.params.Field`): a new parameter gets its slider, menu or box without a line here. Where it stands is `ui.layout`'s matter.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.catalog.lookup import TITLE
from modules.core.levels import Levels, written
from modules.core.params import Field, is_optional, literal_names, rows_of, to_dict

STOPS = 2000
"""A slider with more stops than this cannot be set by hand; such a parameter gets a box."""
EXACT = 2**53
"""Whole numbers beyond this are not exact in a browser; a parameter that may hold them travels as text."""
LONG = 1000
"""A text that may be longer than this gets several lines."""

FURTHER = "easel-further"
"""Class of a slider whose number box takes more than the slider's end (`assets/fields.js`)."""

Choices = Sequence[str] | Sequence[tuple[str, str]] | Sequence[tuple[str, bool]]


def number_type(field: Field) -> type | None:
    """int or float, also of an optional one; None for everything else."""
    kinds = typing.get_args(field.type) if is_optional(field.type) else (field.type,)
    return next((kind for kind in kinds if kind in (int, float)), None)


def is_several(field: Field) -> bool:
    """A parameter that holds any number of texts."""
    return typing.get_origin(field.type) is tuple and _members(field) == {str}


def is_files(field: Field) -> bool:
    """A parameter that names files: name -> hash, "" where any file of that name will do."""
    return typing.get_origin(field.type) is dict and typing.get_args(field.type) == (str, str)


def _members(field: Field) -> set[type]:
    inner = typing.get_args(field.type)[0]
    return {type(name) for name in literal_names(inner)} or {inner}


def is_typed(field: Field) -> bool:
    """Numbers that are typed as text: one that a browser would round, one that may be left out (Gradio's number box has no empty state), or a list of them."""
    kind = number_type(field)
    return field.type == Levels or kind is not None and (is_optional(field.type) or (kind is int and (field.param.maximum or 0) > EXACT))


def slider_end(field: Field, value: Any = None) -> float | None:
    """The right end of the slider: `usual`, or further where the value lies beyond it. None: no slider for this parameter."""
    param = field.param
    end = param.usual if param.usual is not None else param.maximum
    if number_type(field) is None or is_optional(field.type) or param.minimum is None or end is None or param.step is None:
        return None
    if (end - param.minimum) / param.step > STOPS:
        return None
    return max(end, value) if value is not None else end


def widget(field: Field, value: Any, *, choices: Choices | None = None, radio: bool = False, **look: Any) -> Component:
    """Makes the widget in the current place of the page. choices: a menu's entries where the declaration does not list them; of a yes or no: what each is called.
    radio: all names in sight instead of a menu. look: as Gradio's constructors take it."""
    param = field.param
    look = {"label": param.label, "info": param.hint or None, **look}
    names = choices if choices is not None else param.names() or literal_names(field.type)
    if (field.type is bool and choices is not None) or radio:
        return gr.Radio(names, value=value, **{"elem_classes": "easel-radio", **look})
    if field.type is bool:
        return gr.Checkbox(value, **look)
    if rows_of(field.type):
        return gr.Textbox(rows(value), **look)
    if is_files(field):
        return gr.Dropdown(choices or [], value=titled(value), multiselect=True, allow_custom_value=True, **look)
    if field.param.lines:
        return gr.Textbox("\n".join(value), **{"lines": 2, **look})
    if is_several(field):
        members = list(names) or literal_names(typing.get_args(field.type)[0])
        menu = gr.CheckboxGroup if choices is None and members else gr.Dropdown
        return menu(members, value=list(value), **({"multiselect": True} if menu is gr.Dropdown else {}), **look)
    if names or choices is not None:
        offered = [one if isinstance(one, str) else one[1] for one in names]
        return gr.Dropdown(names, value=value if value or "" in offered else None, **look)
    if (end := slider_end(field, value)) is not None:
        classes = FURTHER if param.usual is not None and param.usual != param.maximum else None
        return gr.Slider(param.minimum or 0, end, value, **{"step": param.step, "elem_classes": classes, **look})
    if is_typed(field):
        return gr.Textbox(typed(value), max_lines=1, **look)
    if number_type(field) is not None:
        return gr.Number(value, step=param.step or 1, precision=0 if number_type(field) is int else None, **look)
    if field.type is str:
        return gr.Textbox(value, **{"lines": 3 if (param.max_length or 0) > LONG else 1, **look})
    raise TypeError(f"{field.name}: there is no widget for {field.type}")


def shown(field: Field, value: Any) -> dict[str, Any]:
    """What `gr.update` takes to show a value."""
    if (end := slider_end(field, value)) is not None:
        return {"value": value, "maximum": end}
    if rows_of(field.type):
        return {"value": rows(value)}
    if is_files(field):
        return {"value": titled(value)}
    if is_several(field):
        return {"value": "\n".join(value) if field.param.lines else list(value)}
    return {"value": typed(value) if is_typed(field) else value}


def rows(value: Sequence[Any]) -> str:
    """Instances of a dataclass as JSON: what the browser keeps of them in a box that a script of ours fills."""
    return json.dumps([to_dict(one) for one in value])


def titled(files: Mapping[str, str]) -> list[str]:
    """As A1111 titles a file: its name, and the beginning of its hash where one is asked for."""
    return [f"{name} [{sha256[:10]}]" if sha256 else name for name, sha256 in files.items()]


def named_files(titles: Sequence[Any]) -> Any:
    """What `titled` made. Anything else passes as it is, for the request's own check to refuse."""
    if not all(isinstance(title, str) for title in titles):
        return titles
    found = [(TITLE.match(title.strip()), title.strip()) for title in titles]
    return {match["name"] if match else title: match["hash"] if match else "" for match, title in found if title}


def typed(value: Any) -> str:
    if isinstance(value, tuple):
        return written(value)
    return "" if value is None else str(value)


def meant(field: Field, raw: Any) -> Any:
    """The parameter's value from what its widget holds. An emptied box means the default. What is no number passes as it is, for the request's own check to refuse."""
    if raw is None or (raw == "" and number_type(field) is not None):
        return field.default
    if field.param.lines and isinstance(raw, str):
        return [line.strip() for line in raw.splitlines() if line.strip()]
    if is_files(field) and isinstance(raw, list | tuple):
        return named_files(raw)
    if isinstance(raw, str) and rows_of(field.type):
        try:
            return json.loads(raw) if raw else field.default
        except (ValueError, RecursionError):
            return raw
    kind = number_type(field)
    if isinstance(raw, str) and kind is not None:
        try:
            return int(raw.strip()) if kind is int else float(raw)
        except ValueError:
            return raw
    if kind is int and isinstance(raw, float) and raw.is_integer():
        return int(raw)
    return raw
