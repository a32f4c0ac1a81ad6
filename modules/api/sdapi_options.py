"""What each login set by POST /options: the defaults of that login's own requests, and nobody else's.

A1111 keeps one set of options for everybody, so one client's POST changes the next one's picture. Here it cannot: a request takes a snapshot
of its own login's options when it is submitted. Without logins there is one caller, and so one set. Nothing of this is written to disk.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from modules.api.replies import renamed
from modules.api.sdapi_names import Tab, asks_nothing
from modules.catalog.card import Card
from modules.core.errors import EaselError, InvalidRequest, Unsupported
from modules.core.params import named, to_dict, value_of, with_values
from modules.core.records.options import BY_OPTION, MODEL, OPTIONS, Option
from modules.core.request import GenerationRequest
from modules.core.saving import Saving

Find = Callable[[str], Card]
"""A checkpoint by name, title or hash. Raises NotFound."""
LONGEST = 1000
COLOUR = re.compile("#[0-9a-fA-F]{6}")


class LoginOptions:
    """The options by login. find: looks a checkpoint up."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._set: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def of(self, owner: str) -> Mapping[str, Any]:
        """What this login changed: a snapshot that later changes leave alone."""
        return self._set.get(owner, {})

    def change(self, owner: str, values: Mapping[str, Any]) -> None:
        """All of them or, when one is unusable, none. null takes a key back to its default. Raises EaselError."""
        changed = checked(values, self._find)
        with self._lock:
            kept = {name: value for name, value in self.of(owner).items() if name not in values}
            self._set[owner] = {**kept, **changed}

    def shown(self, owner: str, default: Card | None, saving: Saving, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Every key with its value for this login. saving: this server's own. facts: keys that tell how it is set up, which POST takes and ignores."""
        values = (
            {option.name: option.default for option in OPTIONS}
            | {name: value for name, value in to_dict(saving).items() if name != "return_grid"}
            | dict(self.of(owner))
        )
        card = default
        if values[MODEL]:
            try:
                card = self._find(values[MODEL])
            except EaselError:  # the file was moved away since; the name is still what this login asked for
                card = None
        title = card.title if card else values[MODEL]
        return {**facts, **values, MODEL: title, "sd_checkpoint_hash": card.sha256 if card else ""}


def checked(values: Mapping[str, Any], find: Find, prefix: str = "") -> dict[str, Any]:
    """Those of the values that are options here, each of a usable type and range; unknown keys and nulls are left out.
    prefix: of the key in error messages. Raises InvalidRequest, Unsupported, NotFound."""
    found = ((BY_OPTION[name], value) for name, value in values.items() if name in BY_OPTION and value is not None)
    return {option.name: _value(option, value, f"{prefix}{option.name}", find) for option, value in found}


def fields_of(options: Mapping[str, Any], eta_key: str, tab: Tab, overriding: bool = False) -> dict[str, Any]:
    """These options -> values of request fields, by dotted name. eta_key: infotext key under which the sampler writes its eta.
    An eta at its default becomes None, so that the sampler's own acts and nothing is written, as in A1111. overriding: they are `override_settings`."""
    values: dict[str, Any] = {}
    for option in OPTIONS:
        if not option.field or option.name not in options or option.eta not in ("", eta_key) or option.tab not in (None, tab):
            continue
        if overriding and not option.overridable or option.yields and not options[option.name]:
            continue
        value = option.meant(options[option.name])
        values[option.field] = None if option.eta and value == option.default else value
        if option.name == MODEL:
            values |= {"model": value or "", "model_hash": ""}
    return values


def _value(option: Option, value: Any, name: str, find: Find) -> Any:
    if option.name == MODEL:
        return _model(value, name, find)
    if option.name.endswith("_color") and option.field and not (isinstance(value, str) and COLOUR.fullmatch(value)):
        raise InvalidRequest(f"{name} = {str(value)[:60]!r} is no colour.", "Write it as #rrggbb, for example #ffffff.", name)
    if option.choices and value not in option.choices:
        raise InvalidRequest(f"{name} = {str(value)[:60]!r} is not usable.", f"Give one of {', '.join(map(str, option.choices))}.", name)
    if option.field or option.saving:
        start: GenerationRequest | Saving = Saving() if option.saving else GenerationRequest()
        known = option.name if option.saving else option.field
        plain = "jpg" if option.saving and value == "jpeg" else option.meant(value)
        try:
            checked = value_of(with_values(start, {known: plain}), named(type(start), known))
        except InvalidRequest as error:
            raise renamed(error, name) from None
        return value if option.words else checked
    if option.refused:
        if not asks_nothing(value, option.neutral):
            raise Unsupported(f"{name} = {str(value)[:60]!r}: {option.refused} is not built yet.", f"Leave it out, or send {option.default!r}.", name)
        return option.default
    wanted = (int, float) if isinstance(option.default, int | float) and not isinstance(option.default, bool) else type(option.default)
    if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(option.default, bool) or len(str(value)) > LONGEST:
        raise InvalidRequest(f"{name} = {str(value)[:60]!r} is not usable.", f"Send something like {option.default!r}.", name)
    return value


def _model(value: Any, name: str, find: Find) -> str | None:
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} = {str(value)[:60]!r} is no name of a checkpoint.", "Send a title from /sdapi/v1/sd-models.", name)
    if asks_nothing(value):
        return None
    try:
        find(value)
    except EaselError as error:
        error.field = name
        raise
    return value
