"""The extension as Easel runs it: loaded from its folder, given requests of single pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.core.limits import PROMPT_LIMIT
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest, single, templates
from modules.extension.shelf import Extensions


@pytest.fixture
def extensions(tmp_path: Path) -> Extensions:
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "animal.txt").write_text("cat\ndog\nowl", "utf-8")
    (tmp_path / "wildcards" / "grow.txt").write_text("__animal__ " * 50, "utf-8")
    return Extensions(Paths(data=tmp_path).extensions, tmp_path)


def prepared(extensions: Extensions, **values: object) -> tuple[GenerationRequest, list[str]]:
    notes: list[str] = []
    request = with_values(GenerationRequest(seed=3), {name.replace("__", "."): value for name, value in values.items()})
    return extensions.prepare(request, notes.append), notes


def test_it_is_loaded_and_on(extensions: Extensions) -> None:
    (entry,) = extensions.entries()
    assert (entry.name, entry.state, entry.hooks) == ("wildcards", "on", ("prepare", "insertions"))
    assert entry.version and "__name__" in entry.description


def test_all_four_prompts_are_expanded_and_their_templates_recorded(extensions: Extensions) -> None:
    texts = {"prompt": "a __animal__", "negative_prompt": "{x|y}", "hires__prompt": "a big __animal__", "hires__negative_prompt": "{z|w}"}
    made, notes = prepared(extensions, **texts)
    assert made.prompt in ("a cat", "a dog", "a owl") and made.hires.prompt == made.prompt.replace("a ", "a big ")
    assert made.negative_prompt in "xy" and made.hires.negative_prompt in "zw"
    assert templates(made) == {name.replace("__", "."): text for name, text in texts.items()}
    assert made.extensions["wildcards"]["picks"] == {
        "prompt": [["__animal__", made.prompt[2:]]],
        "negative_prompt": [["{x|y}", made.negative_prompt]],
        "hires.prompt": [["__animal__", made.prompt[2:]]],
        "hires.negative_prompt": [["{z|w}", made.hires.negative_prompt]],
    }
    assert notes == []


def test_an_empty_prompt_of_the_second_pass_stays_empty(extensions: Extensions) -> None:
    assert prepared(extensions, prompt="__animal__")[0].hires.prompt == ""


def test_each_picture_of_a_batch_has_words_of_its_own(extensions: Extensions) -> None:
    whole = GenerationRequest(prompt="__animal__ {a|b|c}", seed=100, count=10)
    made = [extensions.prepare(single(whole, index), print).prompt for index in range(10)]
    assert len(set(made)) > 3
    assert made == [extensions.prepare(single(whole, index), print).prompt for index in range(10)]


@pytest.mark.parametrize("prompt", ["", "a cat", "(x:1.2) [a:b:0.5] [a|b] <lora:x:1> a AND b", "{x} {{y}}", "__nobody__", "{a|b", "a_b__c"])
def test_what_holds_no_template_comes_back_as_it_was(extensions: Extensions, prompt: str) -> None:
    request = GenerationRequest(prompt=prompt, seed=1)
    assert extensions.prepare(request, lambda sentence: None) is request


def test_an_unknown_wildcard_is_said_with_what_to_do(extensions: Extensions, tmp_path: Path) -> None:
    _, notes = prepared(extensions, prompt="__anmal__ __weather__ <lora:my__own__v2:1>")
    assert notes == [
        "There is no wildcard __anmal__, so it stands in the prompt as it is. Near it: animal.",
        f"There is no wildcard __weather__, so it stands in the prompt as it is. Put its lines into {tmp_path / 'wildcards' / 'weather.txt'}.",
    ]


def test_a_template_that_grows_too_long_stays_as_it_stands(extensions: Extensions) -> None:
    made, notes = prepared(extensions, prompt="__grow__ " * 1000, negative_prompt="{a|b}")
    assert made.prompt == "__grow__ " * 1000 and made.negative_prompt in "ab"
    assert len(notes) == 1 and "choices" in notes[0]
    assert prepared(extensions, prompt="{a|b}" + "x" * (PROMPT_LIMIT - 5))[1] == []


def test_the_page_is_offered_what_there_is(extensions: Extensions, tmp_path: Path) -> None:
    for name in ("hair (long)", "a__b", "_x"):
        (tmp_path / "wildcards" / f"{name}.txt").write_text("no prompt can name it", "utf-8")
    (tmp_path / "wildcards" / "long.txt").write_text("word\n" * 5000, "utf-8")
    offered = extensions.insertions()
    assert offered["__animal__"] == "3: cat, dog, owl" and offered["__long__"] == "word, word, word, word …"
    assert list(offered) == ["__animal__", "__grow__", "__long__"]


def test_the_longest_record_is_kept(extensions: Extensions) -> None:
    """Beyond the limit of what may be recorded the extension would fail, and be switched off."""
    text = '{"|"}' * 1900
    made, notes = prepared(extensions, prompt=text, negative_prompt=text, hires__prompt=text, hires__negative_prompt='{"\n|"\t}' * 1500)
    assert notes == [] and made.extensions and extensions.entries()[0].state == "on"
