"""Takes over what an A1111 installation holds: settings, start values of forms, styles, translations, and its model folders by their path. Writes nothing into that folder.

What is changed is noted first, so that it can be taken back; what somebody changed again meanwhile is then left alone.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.a1111 import languages, translation
from modules.a1111.installation import STYLES, UNUSED, Installation, look
from modules.a1111.languages import Languages
from modules.a1111.translation import Row, Translation
from modules.core.errors import NotFound
from modules.core.files import replace
from modules.core.form_defaults import FormDefaults
from modules.core.paths import PROJECT, Paths
from modules.core.records.options import MODEL
from modules.core.settings import SettingsStore
from modules.prompt import style_file
from modules.prompt.styles import Style

LANGUAGES = "localizations"
LARGEST = 8 * 2**20
"""Bytes of the note of what was taken over."""


@dataclass(frozen=True)
class Report:
    """root: the installation. rows: what was taken, or would be, and what not. usual: values that A1111 has by itself, which are not listed."""

    root: Path
    rows: tuple[Row, ...]
    usual: int = 0


@dataclass
class Plan:
    """What a look found: to be taken over as it is."""

    installation: Installation
    translation: Translation
    styles: list[Style] = field(default_factory=list)
    languages: Mapping[str, bytes] = field(default_factory=dict)
    folder: bool = False

    @property
    def report(self) -> Report:
        return Report(self.installation.root, tuple(self.translation.rows), self.translation.usual)


class Adoption:
    """settings, forms: what is changed. moved: is called when the model folders are others than before. Any thread may call anything."""

    def __init__(self, paths: Paths, settings: SettingsStore, forms: FormDefaults, moved: Callable[[], None]) -> None:
        self._paths, self._settings, self._forms, self._moved = paths, settings, forms, moved
        self._lock = threading.Lock()

    def look(self, path: Path) -> Report:
        """What taking over would do; changes nothing. Raises NotFound, InvalidRequest."""
        return self._plan(path).report

    def take(self, path: Path) -> Report:
        """Raises NotFound, InvalidRequest, OutputTrouble; what was done until then can be taken back."""
        with self._lock:
            plan = self._plan(path)
            values = dict(plan.translation.settings)
            if plan.folder:
                values["extra_model_folders"] = [*self._settings.value.extra_model_folders, str(plan.installation.root)]
            forms = {tab: chosen for tab, chosen in plan.translation.forms.items() if chosen}
            if values or forms or plan.styles or plan.languages:
                self._note(plan, values, forms)
                languages.keep(self._paths.localizations, plan.languages)
                self._settings.change_all(values)
                for tab, chosen in forms.items():
                    self._forms.change(tab, {**self._forms.of(tab), **chosen})
                if plan.styles:
                    style_file.change_all(self._paths.styles, [(None, style) for style in plan.styles])
            if plan.folder:
                self._moved()
            return plan.report

    def last(self) -> str:
        """The installation that was taken over last and can be taken back; "" when there is none."""
        notes = self._notes()
        return str(notes[-1].get("root", "")) if notes else ""

    def undo(self) -> Report:
        """Takes back what was taken over last, but for what was changed again since. Raises NotFound when there is nothing, OutputTrouble."""
        with self._lock:
            notes = self._notes()
            if not notes:
                raise NotFound("Nothing was taken over from A1111, so there is nothing to take back.")
            note, rows = notes[-1], Translation()
            self._undo_settings(note["settings"], rows)
            for tab, changes in note["forms"].items():
                self._undo_form(tab, changes, rows)
            self._undo_styles([Style(*one) for one in note["styles"]], rows)
            self._undo_languages(note.get("languages", {}), rows)
            self._write(notes[:-1])
            self._moved()
            return Report(Path(note["root"]), tuple(rows.rows))

    def _plan(self, path: Path) -> Plan:
        found, into = look(path.expanduser()), Translation({tab: self._forms.of(tab) for tab in translation.TABS})
        if found.root in (self._paths.data.resolve(), PROJECT):
            raise NotFound(f"{found.root} is Easel's own folder.", "Name the folder of an A1111 installation.", "path")
        for name, why in found.troubles.items():
            into.say(name, "the whole file", None, "not taken", why)
        now = self._settings.value
        here = languages.names((self._paths.localizations, PROJECT / "localizations"))
        known = {*here, *found.languages.files}
        translation.config(found.config, now, found.has_checkpoint(str(found.config.get(MODEL) or "")), known, found.vaes(), into)
        translation.forms(found.forms, into)
        new = self._new_styles(found.styles, into), self._new_languages(found.languages, here, into)
        plan = Plan(found, into, *new, str(found.root) not in now.extra_model_folders)
        self._folders(found, plan.folder, into)
        plan.folder = plan.folder and bool(found.models())
        return plan

    def _folders(self, found: Installation, new: bool, into: Translation) -> None:
        for name, files in found.models().items():
            used = "Easel does not draw with hypernetworks; they are listed as what they are." if name in UNUSED else "Its files are read where they lie."
            into.say("models", name, "1 file" if files == 1 else f"{files} files", "taken" if new else "already so", used)

    def _new_styles(self, theirs: Mapping[str, Style], into: Translation) -> list[Style]:
        ours, new = style_file.read_all(self._paths.all_styles), []
        for name, style in theirs.items():
            if name not in ours:
                new.append(style)
                into.say(STYLES, name, style.prompt, "taken")
            elif ours[name] == style:
                into.say(STYLES, name, style.prompt, "already so")
            else:
                into.say(STYLES, name, style.prompt, "not taken", "You have another style of this name; yours was kept.")
        return new

    def _new_languages(self, theirs: Languages, ours: Mapping[str, bytes], into: Translation) -> dict[str, bytes]:
        new = {name: data for name, data in theirs.files.items() if name not in ours}
        for name, data in theirs.files.items():
            if name in new:
                into.say(LANGUAGES, name, None, "taken", "Its texts act where this page has the same.")
            else:
                same = ours[name] == data
                into.say(LANGUAGES, name, None, "already so" if same else "not taken", "" if same else "There is a translation of this name here; it was kept.")
        for name, why in theirs.troubles.items():
            into.say(LANGUAGES, name, None, "not taken", why)
        return new

    def _note(self, plan: Plan, values: Mapping[str, Any], forms: Mapping[str, Mapping[str, Any]]) -> None:
        settings = {name: [_plain(getattr(self._settings.value, name)), value] for name, value in values.items()}
        starts = {
            tab: {name: [name in self._forms.of(tab), self._forms.of(tab).get(name), value] for name, value in chosen.items()} for tab, chosen in forms.items()
        }
        added = [[style.name, style.prompt, style.negative_prompt] for style in plan.styles]
        note = {"root": str(plan.installation.root), "when": time.strftime("%Y-%m-%d %H:%M:%S"), "settings": settings, "forms": starts, "styles": added}
        note["languages"] = {name: languages.sha256(data) for name, data in plan.languages.items()}
        self._write([*self._notes(), note])

    def _undo_settings(self, changes: Mapping[str, Any], rows: Translation) -> None:
        back: dict[str, Any] = {}
        for name, (before, after) in changes.items():
            now = _plain(getattr(self._settings.value, name, None))
            if name == "extra_model_folders":
                back[name] = [folder for folder in now or () if folder in before or folder not in after]
            elif now == after:
                back[name] = before
            else:
                rows.say("settings", name, now, "not taken", "It was changed since, so it stays.")
        if back:
            self._settings.change_all(back)
        for name, value in back.items():
            rows.say("settings", name, value, "taken", "As it was before.")

    def _undo_form(self, tab: str, changes: Mapping[str, Any], rows: Translation) -> None:
        now = dict(self._forms.of(tab))
        for name, (was, before, after) in changes.items():
            if now.get(name) != after:
                rows.say(f"form {tab}", name, now.get(name), "not taken", "It was changed since, so it stays.")
                continue
            now.pop(name)
            now |= {name: before} if was else {}
            rows.say(f"form {tab}", name, before, "taken", "As it was before.")
        self._forms.change(tab, now)

    def _undo_styles(self, added: list[Style], rows: Translation) -> None:
        ours = style_file.read(self._paths.styles) if added else {}
        going = [style for style in added if ours.get(style.name) == style]
        for style in added:
            stays = style not in going
            rows.say(
                STYLES, style.name, style.prompt, "not taken" if stays else "taken", "It was changed since, so it stays." if stays else "It is gone again."
            )
        if going:
            style_file.change_all(self._paths.styles, [(style, None) for style in going])

    def _undo_languages(self, kept: Mapping[str, str], rows: Translation) -> None:
        gone, changed = languages.drop(self._paths.localizations, kept)
        for name in gone:
            rows.say(LANGUAGES, name, None, "taken", "It is gone again.")
        for name in changed:
            rows.say(LANGUAGES, name, None, "not taken", "It was changed since, so it stays.")

    def _notes(self) -> list[dict[str, Any]]:
        try:
            with self._paths.adoptions.open("rb") as file:
                tree = json.loads(file.read(LARGEST))
        except (OSError, ValueError, RecursionError):
            return []
        usable = ("root", "settings", "forms", "styles")
        return [one for one in tree if isinstance(one, dict) and all(key in one for key in usable)] if isinstance(tree, list) else []

    def _write(self, notes: list[dict[str, Any]]) -> None:
        replace(self._paths.adoptions, json.dumps(notes, indent=1).encode())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
