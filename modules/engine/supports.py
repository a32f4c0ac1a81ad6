"""Whether a request asks for what its model's family cannot do: the record says it, the page greys it out by the same record. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from modules.core.errors import Unsupported
from modules.core.params import Field, named, value_of, walk, with_values
from modules.core.records.families import FamilyRecord
from modules.core.records.samplers import split_sampler
from modules.core.request import GenerationRequest


def check_supported(request: GenerationRequest, record: FamilyRecord, model: str) -> None:
    """request: resolved. model: its name, for the message. Raises Unsupported that names the first field which would not act as asked, and what to do."""
    samplers, schedules = record.samplers, record.schedules
    lists = (
        ("sampler", request.sampler, samplers),
        ("hires.sampler", request.hires.sampler, samplers),
        ("schedule", request.schedule, schedules),
        ("hires.schedule", request.hires.schedule, schedules),
    )
    for name, given, allowed in lists:
        value = split_sampler(given)[0] if given and "sampler" in name else given
        if value and allowed and value not in allowed:
            label = named(GenerationRequest, name).param.label
            raise Unsupported(f"{label} {value!r} does not work with {model} ({record.title}).", f"Choose one of {', '.join(allowed)}.", name)
    for name, reason in record.lacks.items():
        for field in fields_of(name):
            value = value_of(request, field)
            if value not in (field.default, record.defaults.get(field.name, field.default)):
                what = f"{field.param.label} = {str(value)[:60]!r} does not act on {model} ({record.title}). {reason}"
                usual = record.defaults.get(field.name, field.default)
                raise Unsupported(what, f"Leave it at {usual!r}." if usual not in ("", ()) else "Leave it empty.", field.name)


def fields_of(name: str) -> Iterator[Field]:
    """The parameter of this dotted name, or all of a group."""
    return (field for field in walk(GenerationRequest) if field.name == name or field.name.startswith(f"{name}."))


def fitted(request: GenerationRequest, record: FamilyRecord) -> GenerationRequest:
    """The request with the usual values wherever the family lacks the parameter."""
    usual = {field.name: record.defaults.get(field.name, field.default) for name in record.lacks for field in fields_of(name)}
    return with_values(
        request,
        {field.name: usual[field.name] for field in walk(GenerationRequest) if value_of(request, field) != usual.get(field.name, value_of(request, field))},
    )
