"""Extensions at work: found, loaded, switched, and failing in every place without costing a picture."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from modules.core.errors import NotFound
from modules.core.groups.passes import Script
from modules.core.params import from_dict, to_dict
from modules.core.request import GenerationRequest, templates
from modules.extension.shelf import Extensions
from tests.extension.conftest import Write

REQUEST = GenerationRequest(prompt="a secret cat", seed=1)


def prepared(shelf: Extensions, request: GenerationRequest = REQUEST) -> tuple[GenerationRequest, list[str]]:
    notes: list[str] = []
    return shelf.prepare(request, notes.append), notes


def test_one_is_found_loaded_and_has_its_turn(shelf: Extensions, write: Write) -> None:
    folder = write("loud")
    (entry,) = shelf.entries()
    assert (entry.name, entry.folder, entry.state, entry.description, entry.version, entry.hooks) == (
        "loud",
        folder.resolve(),
        "on",
        "Shouts.",
        "2",
        ("prepare",),
    )
    made, notes = prepared(shelf)
    assert made.prompt == "A SECRET CAT" and notes == []
    assert made.extensions == {"loud": {"was": {"prompt": "a secret cat"}}} and templates(made) == {"prompt": "a secret cat"}
    assert from_dict(GenerationRequest, to_dict(made)) == made


def test_two_have_their_turn_one_after_the_other_and_both_are_recorded(shelf: Extensions, write: Write) -> None:
    write("loud")
    write(
        "ask",
        """
        class Ask(Extension):
            def prepare(self, request, note):
                note("asked")
                extensions = {**request.extensions, "ask": {"marks": [1]}}
                return dataclasses.replace(request, prompt=request.prompt + "?", extensions=extensions)
        """,
    )
    made, notes = prepared(shelf)
    assert made.prompt == "A SECRET CAT?" and notes == ["asked"]
    assert made.extensions == {"ask": {"marks": [1], "was": {"prompt": "a secret cat"}}, "loud": {"was": {"prompt": "a secret cat?"}}}
    assert templates(made) == {"prompt": "a secret cat"}


def test_files_of_the_folder_import_each_other_and_two_extensions_do_not_meet(shelf: Extensions, write: Write) -> None:
    source = """
        from .words import WORD
        class One(Extension):
            def prepare(self, request, note):
                return dataclasses.replace(request, prompt=request.prompt + WORD)
        """
    write("one", source, words="WORD = ' one'")
    write("two-2.0", source, words="WORD = ' two'")
    assert prepared(shelf)[0].prompt == "a secret cat one two"


def test_of_two_with_one_name_the_users_own_counts(shelf: Extensions, write: Write, tmp_path: Path) -> None:
    own = write("loud")
    (tmp_path / "bundled" / "loud").mkdir(parents=True)
    assert [entry.folder for entry in shelf.entries()] == [own.resolve()]


def test_what_is_no_extension_is_passed_over(shelf: Extensions, write: Write, tmp_path: Path) -> None:
    write(".hidden")
    write("_private")
    (tmp_path / "extensions" / "readme.txt").write_text("x")
    assert shelf.entries() == [] and Extensions([tmp_path / "nowhere"], tmp_path).entries() == []
    assert prepared(shelf) == (REQUEST, [])


def test_nothing_of_what_is_off_is_executed(write: Write, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    write("loud", f'open({str(ran)!r}, "w").close()\n')
    (tmp_path / "extensions" / "loud" / "extension.py").write_text(f'"""Shouts.\n\nMore."""\nopen({str(ran)!r}, "w").close()\n', "utf-8")
    for shelf in (Extensions([tmp_path / "extensions"], tmp_path, lambda: ["loud"]), Extensions([tmp_path / "extensions"], tmp_path, enabled=False)):
        (entry,) = shelf.entries()
        assert (entry.state, entry.description) == ("off", "Shouts.") and prepared(shelf) == (REQUEST, [])
    assert not ran.exists()


def test_switching_acts_at_once_and_reads_the_files_anew(write: Write, tmp_path: Path) -> None:
    off: list[str] = []
    shelf = Extensions([tmp_path / "extensions"], tmp_path, lambda: off)
    folder = write("loud")
    assert prepared(shelf)[0].prompt == "A SECRET CAT"
    off.append("loud")
    assert prepared(shelf)[0].prompt == "a secret cat"
    text = (folder / "extension.py").read_text("utf-8")
    (folder / "extension.py").write_text(text.replace("upper", "title") + "\n# longer\n", "utf-8")
    off.clear()
    assert shelf.awaken("loud").state == "on"
    assert prepared(shelf)[0].prompt == "A Secret Cat"
    with pytest.raises(NotFound, match="nobody"):
        shelf.awaken("nobody")


def test_a_new_folder_is_found_when_it_is_looked_for(shelf: Extensions, write: Write) -> None:
    assert shelf.entries() == []
    folder = write("loud")
    assert shelf.entries() == []
    shelf.load()
    assert [entry.state for entry in shelf.entries()] == ["on"]
    (folder / "extension.py").unlink()
    folder.rename(folder.with_name(".gone"))
    shelf.load()
    assert shelf.entries() == [] and prepared(shelf)[0] == REQUEST


LOADING = {
    "import": ("import no_such_module", "ModuleNotFoundError in extension.py, line 4: No module named 'no_such_module'"),
    "syntax": ("class X(:", "SyntaxError in extension.py, line 4"),
    "raises": ("raise ValueError('no good')", "ValueError in extension.py, line 4: no good"),
    "exits": ("raise SystemExit(3)", "SystemExit in extension.py, line 4"),
    "empty": ("", "exactly one class"),
    "misspelt": ("class X(Extension):\n    def prepair(self, request, note): ...", "Near it: prepare"),
    "starting": ("class X(Extension):\n    def __init__(self, place):\n        raise OSError('no disk')", "OSError in extension.py, line 6: no disk"),
    "parts": ("class X(Extension): ...", "a name of Easel's own"),
}


@pytest.mark.parametrize("name", LOADING)
def test_one_that_cannot_be_loaded_is_named_with_its_error_and_the_others_work(shelf: Extensions, write: Write, name: str) -> None:
    source, said = LOADING[name]
    write(name, source)
    write("loud")
    entries = {entry.name: entry for entry in shelf.entries()}
    assert entries[name].state == "failed" and said in entries[name].trouble
    assert shelf.notes() == [f"The extension {name} is switched off: it failed. The Extensions tab says more."]
    made, notes = prepared(shelf)
    assert made.prompt == "A SECRET CAT" and notes == []


def test_a_folder_of_a1111s_is_told_from_one_of_ours(shelf: Extensions, tmp_path: Path) -> None:
    (tmp_path / "extensions" / "sd-webui-x" / "scripts").mkdir(parents=True)
    (entry,) = shelf.entries()
    assert entry.state == "failed" and "AUTOMATIC1111" in entry.trouble


PREPARING = {
    "raises": "raise ValueError(request.prompt)",
    "exits": "raise SystemExit(request.prompt)",
    "recurses": "return self.prepare(request, note)",
    "nothing": "return None",
    "text": "return 'a dog'",
    "type": "return dataclasses.replace(request, steps='many')",
    "limit": "return dataclasses.replace(request, steps=10**9)",
    "batch": "return dataclasses.replace(request, batch_size=4)",
    "script": "return dataclasses.replace(request, script=dataclasses.replace(request.script, name='Loopback'))",
    "literal": "return dataclasses.replace(request, as_is=True)",
    "foreign": "return dataclasses.replace(request, prompt='x', extensions={'other': {}})",
    "record": "return dataclasses.replace(request, prompt='x', extensions={self.place.name: {'a': object()}})",
    "long": "return dataclasses.replace(request, prompt='x', extensions={self.place.name: {'a': 'x' * 10**6}})",
}


@pytest.mark.parametrize("name", PREPARING)
def test_one_that_fails_at_its_turn_is_switched_off_and_the_picture_is_made(
    shelf: Extensions, write: Write, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    write("bad", f"class Bad(Extension):\n    def prepare(self, request, note):\n        {PREPARING[name]}\n")
    write("loud")
    with caplog.at_level(logging.ERROR):
        made, notes = prepared(shelf)
    assert made.prompt == "A SECRET CAT" and list(made.extensions) == ["loud"]
    assert len(notes) == 1 and notes[0].startswith("The extension bad failed (") and "without it" in notes[0]
    bad, loud = shelf.entries()
    assert (bad.state, loud.state) == ("failed", "on") and bad.trouble
    assert "secret" not in bad.trouble + notes[0] + caplog.text, "another user, or a log, must not see a prompt"
    assert prepared(shelf)[1] == [], "it is off now"
    assert shelf.awaken("bad").state == "on"
    assert len(prepared(shelf)[1]) == 1


def test_the_list_of_one_that_fails_is_left_out(shelf: Extensions, write: Write) -> None:
    write("bad", "class Bad(Extension):\n    def insertions(self):\n        return {1: object(), 'x': 1 / 0}\n")
    write("good", "class Good(Extension):\n    def insertions(self):\n        return {'__a__': 'x' * 10**6}\n")
    assert list(shelf.insertions()) == ["__a__"] and len(shelf.insertions()["__a__"]) == 400
    assert [entry.state for entry in shelf.entries()] == ["failed", "on"]


def test_one_that_answers_the_same_changes_nothing(shelf: Extensions, write: Write) -> None:
    write("same", "class Same(Extension):\n    def prepare(self, request, note):\n        return dataclasses.replace(request, extensions={'same': {'a': 1}})\n")
    request = GenerationRequest(prompt="a", script=Script())
    assert prepared(shelf, request)[0] is request
