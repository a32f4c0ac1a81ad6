"""What a user chose for speed, place and looks; never anything that reaches pixels (that is `core.request`).

Declared with the same `Param` as a request, under A1111's names where it has one. The shape is an OmegaConf structured config; the limits are
checked by `core.params`. Free texts are kept away from OmegaConf, which would read `${...}` and `???` in them as its own language.
Only what differs from the defaults is saved. A file that cannot be used is set aside under another name, and a note says so; one that merely cannot be read
now stays until something is to be saved in its place.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ConfigDict

from modules.core.errors import InvalidRequest, OutputTrouble
from modules.core.files import replace, set_aside
from modules.core.params import STRICT, Param, named, value_of, walk, with_values
from modules.core.saving import Gallery, Saving, SavingDirectories, SavingImages, SavingPaths

LONGEST = 1000
"""Characters of each text of a list."""
MOST = 200
"""Texts of a list."""

Theme = Literal["system", "light", "dark"]
StylesOnPaste = Literal["Ignore", "Apply", "Discard", "Apply if any"]


@dataclass(frozen=True, kw_only=True)
class StableDiffusion:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "Stable Diffusion"
    sd_model_checkpoint: Annotated[str, Param("Stable Diffusion checkpoint", max_length=400, hint="What a new page starts with. Empty: the starter model.")] = (
        ""
    )
    extra_model_folders: Annotated[
        tuple[str, ...], Param("Extra model folders", hint="Further folders with models under A1111's names. Settings, Import from A1111 sets them.")
    ] = ()


@dataclass(frozen=True, kw_only=True)
class LivePreviews:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "Live previews"
    live_previews_enable: Annotated[bool, Param("Show live previews of the created image", hint="Off: only the bar moves.")] = True
    live_preview_interval: Annotated[float, Param("Live preview period", 0.2, 60, 0.1, usual=10, hint="Seconds between two previews at least.")] = 1.0
    live_preview_size: Annotated[int, Param("Live preview size", 64, 1024, 64, hint="Longer side at most, in pixels.")] = 384


@dataclass(frozen=True, kw_only=True)
class ForPrograms:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "API"
    api_enable_requests: Annotated[
        bool, Param("Let the API fetch pictures from web addresses", hint="From public addresses only. Off: clients send the pictures themselves.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Infotext:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "Infotext"
    disable_weights_auto_swap: Annotated[
        bool, Param("Pictures do not change the checkpoint menu", hint="On: the model of a picture that is read stands under Override settings instead.")
    ] = True
    infotext_styles: Annotated[
        StylesOnPaste,
        Param(
            "Styles in the prompts of a picture that is read",
            hint="Apply: taken out of the prompts and chosen in the menu; if any: a menu that holds others stays. Discard: taken out. Ignore: left in.",
        ),
    ] = "Apply if any"


@dataclass(frozen=True, kw_only=True)
class UserInterface:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "User interface"
    disabled_extensions: Annotated[
        str, Param("Extensions that are switched off", max_length=4000, hint="Their names, separated by commas; the Extensions tab sets them. Acts at once.")
    ] = ""
    send_seed: Annotated[bool, Param("Send seed when sending a picture or its parameters to another tab", hint="Off: the seed there stays.")] = True
    send_size: Annotated[
        bool, Param("Send size when sending a picture or its parameters to another tab", hint="Never to inpaint. Off: the size there stays.")
    ] = True
    localization: Annotated[str, Param("Localization", max_length=60, hint="The page's language. Acts at the next start.")] = "None"
    quicksettings_list: Annotated[
        tuple[str, ...],
        Param("Quicksettings list", hint="What stands in the header, beside the checkpoint, in place of its own place. Acts at the next start."),
    ] = ()
    ui_tab_order: Annotated[tuple[str, ...], Param("UI tab order", hint="These come first, the others behind. Acts at the next start.")] = ()
    hidden_tabs: Annotated[tuple[str, ...], Param("Hidden UI tabs", hint="Settings cannot be hidden. Acts at the next start.")] = ()
    theme: Annotated[Theme, Param("Theme", hint="system: dark or light as your desktop is.")] = "system"
    autolaunch: Annotated[bool, Param("Open the page in a browser at start", hint="Acts at the next start.")] = False


SECTIONS: Mapping[str, type] = {
    kind.SECTION: kind for kind in (SavingImages, SavingPaths, SavingDirectories, StableDiffusion, Gallery, UserInterface, Infotext, LivePreviews, ForPrograms)
}
"""A1111's titles, in its order -> the settings that stand there."""


@dataclass(frozen=True, kw_only=True)
class Settings(Saving, StableDiffusion, Infotext, UserInterface, LivePreviews, ForPrograms):
    """Every one has an effect, named in its hint."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT


def saving_of(settings: Settings, values: Mapping[str, Any]) -> Saving:
    """The part that says how pictures become files, with other values for some of it. Raises InvalidRequest."""
    return with_values(Saving(**{field.name: value_of(settings, field) for field in walk(Saving)}), values)


class SettingsStore:
    """The settings of one file, for any number of threads. notes: what went wrong with the file, one sentence each.
    repair: whether a file that cannot be used is set aside; False only notes it, for one who looks and changes nothing."""

    def __init__(self, path: Path, repair: bool = True) -> None:
        self._path = path
        self._repair = repair
        self._unread = False
        self._lock = threading.Lock()
        self.notes: list[str] = []
        self._value = self._load()

    @property
    def value(self) -> Settings:
        """As they stand; ask again for later ones."""
        return self._value

    def change(self, name: str, value: Any) -> Settings:
        """One setting, checked and saved. Raises InvalidRequest or OutputTrouble; nothing has changed then."""
        return self.change_all({name: value})

    def change_all(self, values: Mapping[str, Any]) -> Settings:
        """Several at once: all of them or none. Raises like `change`."""
        with self._lock:
            changed = self._value
            for name, value in values.items():
                changed = _with(changed, name, value)
            self._save(changed)
            self._value = changed
            return changed

    def reset(self) -> Settings:
        """Back to the defaults. Raises OutputTrouble."""
        with self._lock:
            self._save(Settings())
            self._value = Settings()
            return self._value

    def _save(self, settings: Settings) -> None:
        chosen = {field.name: _plain(value_of(settings, field)) for field in walk(Settings) if value_of(settings, field) != field.default}
        text = yaml.safe_dump(chosen, allow_unicode=True, sort_keys=False) if chosen else ""
        if yaml.safe_load(text) != (chosen or None):  # rare line ends are read back as spaces unless they are escaped
            text = yaml.safe_dump(chosen, sort_keys=False)
        if self._unread:
            if os.path.lexists(self._path):
                self.notes.append(f"The settings file {self._path}, which could not be read, was kept as {set_aside(self._path).name}.")
            self._unread = False
        replace(self._path, text.encode())

    def _load(self) -> Settings:
        """Takes what is usable of the file; if anything is not, the file as it was is set aside and the rest saved anew."""
        try:
            tree = yaml.safe_load(self._path.read_bytes())
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            self._unread = True
            self.notes.append(
                f"The settings file {self._path} could not be read: {error.strerror or error}. It was left as it is; the defaults stand in for it."
            )
            return Settings()
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
            return self._repaired(Settings(), f"could not be read ({type(error).__name__})")
        if tree is None:
            return Settings()
        if not isinstance(tree, dict):
            return self._repaired(Settings(), "holds no list of settings")
        settings, wrong = Settings(), []
        for name, value in tree.items():
            try:
                settings = _with(settings, str(name), value)
            except InvalidRequest as error:
                wrong.append(error.what)
        return self._repaired(settings, "holds what cannot be used: " + " ".join(wrong)) if wrong else settings

    def _repaired(self, settings: Settings, reason: str) -> Settings:
        if not self._repair:
            self.notes.append(f"The settings file {self._path} {reason.rstrip('.')}.")
            return settings
        try:
            aside = set_aside(self._path)
            self.notes.append(f"The settings file {self._path} {reason.rstrip('.')}. It was kept as {aside.name}; the defaults stand in for it.")
            if settings != Settings():
                self._save(settings)
        except OutputTrouble as trouble:
            self.notes.append(f"The settings file {self._path} {reason.rstrip('.')}. {trouble}")
        return settings


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _short(value: Any) -> bool:
    """A text of a list: without the half characters that no file holds."""
    return isinstance(value, str) and len(value) <= LONGEST and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _with(settings: Settings, name: str, value: Any) -> Settings:
    """A checked copy. No text reaches OmegaConf, and nothing is resolved."""
    if name not in (field.name for field in walk(Settings)):
        raise InvalidRequest(f"There is no setting {name[:80]!r}.", "Check its spelling.", name[:80])
    several = isinstance(value, list | tuple) and len(value) <= MOST and all(_short(one) for one in value)
    if not several and not isinstance(value, str | int | float | bool):
        raise InvalidRequest(f"{name} takes one plain value, or a list of texts.", "Give a text, a number, true or false.", name)
    if not several and not isinstance(value, str):
        try:
            merged = OmegaConf.merge(OmegaConf.structured(Settings), {name: value})
        except OmegaConfBaseException as error:
            raise InvalidRequest(f"{name} = {value!r:.80} is not usable: {str(error).splitlines()[0]}.", "Look at the setting's hint.", name) from None
        if named(Settings, name).type is not str:  # OmegaConf would take a number for a text
            value = OmegaConf.to_container(merged, resolve=False)[name]
    return with_values(settings, {name: value})
