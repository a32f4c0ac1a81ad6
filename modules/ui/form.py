"""A form: the widgets of a dataclass of parameters, by dotted name. Request into widgets, widgets into request, and nothing else.

Gradio hands a handler `{widget: value}` when its inputs are a set, so no positional list of parameters exists anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import gradio as gr
from gradio.components import Component

from modules.core.errors import EaselError, InvalidRequest
from modules.core.params import Field, from_dict, named, to_dict, value_of, walk, with_values
from modules.ui import fields
from modules.ui.talk import Said, explained

T = TypeVar("T")

OVERRIDES = "overrides"
"""Name of the box of chips among the widgets that are no parameters."""


def chosen_of(entries: Iterable[tuple[str, str]], chosen: Any) -> list[tuple[str, str]]:
    """The entries (shown, value) of a menu that are chosen. chosen: a value, or several."""
    values = [chosen] if isinstance(chosen, str) or chosen is None else list(chosen)
    return [entry for entry in entries if entry[1] in values]


@dataclass(frozen=True)
class Switch:
    """A checkbox that governs some parameters: while it is off, they keep their defaults, whatever their widgets hold."""

    box: gr.Checkbox
    names: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """Forms of which the one that the parameter `chooser` names fills the parameter `target` with its values: a script and its arguments."""

    chooser: str
    target: str
    forms: Mapping[str, Form[Any]]


@dataclass(eq=False)
class Form(Generic[T]):
    """start: the instance whose values the page opens with, of the dataclass whose parameters the form holds. prefix: of all element ids ("txt2img").
    ids: element ids that differ from the parameter's name. looks: what single widgets are made with, by the parameter's name, as Gradio's constructors take it.
    long: entries of menus that list many files, by the parameter's name: the page holds those that are chosen (`ui.entries`). choice: forms within this one."""

    start: T
    prefix: str
    ids: Mapping[str, str] = field(default_factory=dict)
    looks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    long: Mapping[str, Callable[[], Sequence[tuple[str, str]]]] = field(default_factory=dict)
    widgets: dict[str, Component] = field(default_factory=dict, init=False)
    switches: dict[str, Switch] = field(default_factory=dict, init=False)
    choice: Choice | None = field(default=None, init=False)
    further: dict[str, Component] = field(default_factory=dict, init=False)
    """Widgets that belong to the form and are no parameters, by name."""

    def put(self, name: str, **look: Any) -> Component:
        """Makes the widget of a parameter in the current place of the page. Each parameter has one place."""
        if name in self.widgets:
            raise ValueError(f"{name} stands in the layout twice")
        declared = self._declared(name)
        look = {**self.looks.get(name, {}), **self._entries(name, value_of(self.start, declared)), **look}
        look.setdefault("elem_id", f"{self.prefix}_{self.ids.get(name, name.replace('.', '_'))}")
        self.widgets[name] = fields.widget(declared, value_of(self.start, declared), **look)
        return self.widgets[name]

    def share(self, name: str, widget: Component) -> None:
        """Takes a widget of another form as this one's too."""
        self.widgets[name] = widget

    def add(self, name: str, widget: Component) -> Component:
        """Takes a widget that is no parameter."""
        self.further[name] = widget
        return widget

    def switch(self, name: str, label: str, names: tuple[str, ...], **look: Any) -> gr.Checkbox:
        """Makes a switch over parameters in the current place of the page."""
        box = gr.Checkbox(self._differs(self.start, names), label=label, **look)
        self.switches[name] = Switch(box, names)
        return box

    def overrides(self, **look: Any) -> Component:
        """Makes the box of chips in the current place of the page: values that go before those of the widgets, each as "Label: value"."""
        return self.add(OVERRIDES, gr.Dropdown([], value=[], multiselect=True, allow_custom_value=True, **look))

    @property
    def inputs(self) -> set[Component]:
        return set(self.parts().values())

    def parts(self) -> dict[str, Component]:
        """Widgets, switches and what else belongs to the form, by name."""
        parts = {**self.widgets, **{name: switch.box for name, switch in self.switches.items()}, **self.further}
        for inner, form in self._inner():
            parts |= {f"{inner}/{name}": part for name, part in form.parts().items()}
        return parts

    def collect(self, values: Mapping[Component, Any]) -> T:
        """The checked instance that the widgets describe; parameters without a widget keep the start's values. Raises InvalidRequest."""
        wanted = {name: fields.meant(self._declared(name), values[component]) for name, component in self.widgets.items()}
        for switch in self.switches.values():
            if not values[switch.box]:
                wanted |= {name: self._declared(name).default for name in switch.names}
        wanted |= self._overriding(values)
        if self.choice:
            form = self.choice.forms.get(wanted[self.choice.chooser])
            wanted[self.choice.target] = to_dict(form.collect(values)) if form else {}
        return with_values(self.start, wanted)

    def meant(self, name: str, values: Mapping[Component, Any]) -> Any:
        """What one widget says of its parameter, not checked yet."""
        return fields.meant(self._declared(name), values[self.widgets[name]])

    def fill(self, instance: T, names: Iterable[str] | None = None) -> dict[Component, Any]:
        """Gradio updates that show an instance's values, all of them or those named."""
        chosen = set(self.widgets if names is None else names)
        updates: dict[Component, Any] = {}
        for name in self.widgets.keys() & chosen:
            value = value_of(instance, self._declared(name))
            updates[self.widgets[name]] = gr.update(**fields.shown(self._declared(name), value), **self._entries(name, value))
        for switch in self.switches.values():
            if chosen & set(switch.names):
                updates[switch.box] = gr.update(value=self._differs(instance, switch.names))
        if self.choice and self.choice.chooser in chosen:
            updates |= self._chosen(self.choice, instance)
        return updates

    def _entries(self, name: str, value: Any) -> dict[str, Any]:
        return {"choices": chosen_of(self.long[name](), value)} if name in self.long else {}

    def _chosen(self, choice: Choice, instance: T) -> dict[Component, Any]:
        """What the named form within shows. Values that it cannot take leave it as it is: they may come from another version."""
        form = choice.forms.get(value_of(instance, self._declared(choice.chooser)))
        try:
            return form.fill(from_dict(type(form.start), value_of(instance, self._declared(choice.target)))) if form else {}
        except InvalidRequest:
            return {}

    def _overriding(self, values: Mapping[Component, Any]) -> dict[str, Any]:
        chips = values[self.further[OVERRIDES]] if OVERRIDES in self.further else None
        labels = {declared.param.label: declared for declared in walk(self._declaring)}
        split = [str(chip).partition(": ") for chip in chips or ()]
        return {labels[label].name: fields.meant(labels[label], value) for label, _, value in split if label in labels}

    def chips(self, values: Mapping[str, Any]) -> dict[Component, Any]:
        """Updates that show values, by the parameter's name, as the only chips there are."""
        if OVERRIDES not in self.further:
            return {}
        told = [f"{self._declared(name).param.label}: {value}" for name, value in values.items()]
        return {self.further[OVERRIDES]: gr.update(value=told, choices=told)}

    def _inner(self) -> Iterator[tuple[str, Form[Any]]]:
        yield from self.choice.forms.items() if self.choice else ()

    def refill(self, noted: Mapping[str, Any]) -> dict[Component, Any]:
        """Updates that show what a browser had noted of the widgets, by name. Whatever is not usable is passed over: it comes from outside."""
        instance, usable = self.start, []
        for name in self.widgets.keys() & noted.keys():
            try:
                instance = with_values(instance, {name: fields.meant(self._declared(name), noted[name])})
            except InvalidRequest:
                continue
            usable.append(name)
        updates = self.fill(instance, usable)
        for inner, form in self._inner():
            updates |= form.refill({name.removeprefix(f"{inner}/"): value for name, value in noted.items() if name.startswith(f"{inner}/")})
        updates |= {widget: gr.update(value=noted[name]) for name, widget in self.further.items() if isinstance(noted.get(name), str | int | float)}
        if isinstance(chips := noted.get(OVERRIDES), list) and OVERRIDES in self.further:
            told = [chip for chip in chips if isinstance(chip, str)]
            updates[self.further[OVERRIDES]] = gr.update(value=told, choices=told)
        return updates | {switch.box: gr.update(value=noted[name]) for name, switch in self.switches.items() if isinstance(noted.get(name), bool)}

    def explain(self, error: EaselError) -> Said:
        """The error as a person at this form reads it: the label of the widget instead of the parameter's name."""
        labels = {declared.name: declared.param.label for declared in walk(self._declaring)}
        if error.field in labels:
            return Said(str(error).removeprefix(f"{error.field} = "), labels[error.field], "error")
        return explained(error)

    @property
    def _declaring(self) -> type:
        return type(self.start)

    def _declared(self, name: str) -> Field:
        return named(self._declaring, name)

    def _differs(self, instance: T, names: tuple[str, ...]) -> bool:
        return any(value_of(instance, self._declared(name)) != self._declared(name).default for name in names)
