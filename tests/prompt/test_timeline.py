from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.prompt.timeline import timeline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", [(8, "cat")]),
        ("", [(8, "")]),
        ("big [cat:dog:0.5] here", [(4, "big cat here"), (8, "big dog here")]),
        ("big [cat:dog:3] here", [(3, "big cat here"), (8, "big dog here")]),
        ("[red:6] cat", [(6, " cat"), (8, "red cat")]),
        ("[red::.25] cat", [(2, "red cat"), (8, " cat")]),
        ("[::2]", [(2, ""), (8, "")]),
        ("[cat:dog: +2 ]", [(2, "cat"), (8, "dog")]),
        ("[cat:dog:2e0]", [(2, "cat"), (8, "dog")]),
        ("[cat:dog:0.1]", [(8, "dog")]),
        ("[cat:dog:-3]", [(8, "dog")]),
        ("[cat:dog:1.0]", [(8, "cat")]),
        ("[cat:dog:1e999]", [(8, "cat")]),
        ("[cat:dog:-1e999]", [(8, "dog")]),
        ("[[cat:dog:2]:sky:4]", [(2, "cat"), (4, "dog"), (8, "sky")]),
        ("[sky:[cat:dog:2]:4]", [(2, "sky"), (4, "sky"), (8, "dog")]),
        ("[(cat:1.2):[dog]:4]", [(4, "(cat:1.2)"), (8, "[dog]")]),
        ("([cat:dog:4]:1.3)", [(4, "(cat:1.3)"), (8, "(dog:1.3)")]),
        # not editing
        ("[cat]", [(8, "[cat]")]),
        ("[cat:dog]", [(8, "[cat:dog]")]),
        ("[cat:dog:(2)]", [(8, "[cat:dog:(2)]")]),
        ("[cat:dog:[sky:2]]", [(2, "[cat:dog:]"), (8, "[cat:dog:sky]")]),
        ("[cat:dog:sky:4]", [(8, "[cat:dog:sky:4]")]),
        (r"[cat\:dog:4]", [(4, ""), (8, r"cat\:dog")]),
        (r"\[cat:dog:4]", [(8, r"\[cat:dog:4]")]),
        # strays are text, and take the groups around them along, but not those beside or inside them
        ("[[cat:dog:4]", [(4, "[cat"), (8, "[dog")]),
        ("[cat:dog:4]]", [(4, "cat]"), (8, "dog]")]),
        ("[cat) : [dog:sky:4] :5]", [(4, "[cat) : dog :5]"), (8, "[cat) : sky :5]")]),
        ("[a (b:4] c:d [cat:2]", [(2, "[a (b:4] c:d "), (8, "[a (b:4] c:d cat")]),
        ("[(cat:x:y):dog:4]", [(8, "[(cat:x:y):dog:4]")]),
        # what cannot be read stands for itself as a whole
        ("[cat:dog:4] a | b", [(8, "[cat:dog:4] a | b")]),
        ("[cat:dog:4] (a|b)", [(8, "[cat:dog:4] (a|b)")]),
        ("[cat:dog:4] [a|b", [(8, "[cat:dog:4] [a|b")]),
        ("[cat:dog:4] [a|b:2]", [(8, "[cat:dog:4] [a|b:2]")]),
        ("[cat:dog:4] \\", [(8, "[cat:dog:4] \\")]),
        ("[cat:dog:4] \\\n", [(8, "[cat:dog:4] \\\n")]),
    ],
)
def test_editing(text: str, expected: list[tuple[int, str]]) -> None:
    assert timeline(text, 8) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[cat|dog]", "cat dog cat dog"),
        ("[cat|dog|sky]", "cat dog sky cat"),
        ("[cat|]s", "cats s cats s"),
        ("[[cat|dog]|sky]", "cat sky cat sky"),
        ("[cat|[dog|sky]]", "cat sky cat sky"),
        ("[cat|(dog:1.2)]", "cat (dog:1.2) cat (dog:1.2)"),
        ("[cat|[dog:sky:2]]", "cat dog cat sky"),
        ("[cat:[dog|sky]:2]", "cat cat dog sky"),
        ("[a|b][c|d|e]", "ac bd ae bc"),
    ],
)
def test_alternation(text: str, expected: str) -> None:
    assert timeline(text, 4) == list(enumerate(expected.split(), 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[cat:dog:0.5]", [(4, "dog")]),
        ("[cat:dog:1.0]", [(4, "dog")]),
        ("[cat:dog:1.5]", [(2, "cat"), (4, "dog")]),
        ("[cat:dog:2.0]", [(4, "cat")]),
        ("[cat:dog:8]", [(4, "dog")]),
        ("[cat:dog:11]", [(3, "cat"), (4, "dog")]),
        ("[cat|dog]", [(1, "cat"), (2, "dog"), (3, "cat"), (4, "dog")]),
    ],
)
def test_hires_pass_counts_on(text: str, expected: list[tuple[int, str]]) -> None:
    assert timeline(text, 4, first_pass_steps=8) == expected


@pytest.mark.parametrize(("when", "last"), [("0.5", 4), (".9", 7), ("1.0", 1), ("2.5", 2), ("6", 6), ("0.05", None), ("99", 8)])
def test_old_rule_goes_by_size(when: str, last: int | None) -> None:
    expected = [(8, "dog")] if last is None else [(8, "cat")] if last == 8 else [(last, "cat"), (8, "dog")]
    assert timeline(f"[cat:dog:{when}]", 8, old=True) == expected
    assert timeline(f"[cat:dog:{when}]", 5, first_pass_steps=8, old=True) == expected


words = st.text(alphabet="abc ,.-12é\n", max_size=6)
trees = st.recursive(
    words.map(lambda text: ("text", text)),
    lambda inner: st.one_of(
        st.tuples(st.just("all"), st.lists(inner, max_size=3)),
        st.tuples(st.just("round"), inner),
        st.tuples(st.just("square"), inner),
        st.tuples(st.just("edit"), inner, inner, st.integers(-2, 14)),
        st.tuples(st.just("choice"), st.lists(inner, min_size=2, max_size=4)),
    ),
    max_leaves=12,
)


def written(tree: tuple) -> str:
    match tree:
        case ("text", text):
            return text
        case ("all", parts):
            return "".join(map(written, parts))
        case ("round", part):
            return f"({written(part)}:1.5)"
        case ("square", part):
            return f"[{written(part)}]"
        case ("edit", before, after, when):
            return f"[{written(before)}:{written(after)}:{when}]"
        case (_, options):
            return "[" + "|".join(map(written, options)) + "]"
    raise AssertionError(tree)


def meant(tree: tuple, step: int) -> str:
    match tree:
        case ("text", text):
            return text
        case ("all", parts):
            return "".join(meant(part, step) for part in parts)
        case ("round", part):
            return f"({meant(part, step)}:1.5)"
        case ("square", part):
            return f"[{meant(part, step)}]"
        case ("edit", before, after, when):
            return meant(before if step <= when else after, step)
        case (_, options):
            return meant(options[(step - 1) % len(options)], step)
    raise AssertionError(tree)


@given(trees, st.integers(1, 12))
def test_every_step_means_what_was_written(tree: tuple, steps: int) -> None:
    entries = timeline(written(tree), steps)
    for step in range(1, steps + 1):
        text = next(text for end, text in entries if step <= end)
        assert text == meant(tree, step)


@given(st.one_of(st.text(), st.text(alphabet="[]()|:\\a1. \n")), st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9)), st.booleans())
def test_any_text_has_a_timeline(text: str, steps: int, first: int | None, old: bool) -> None:
    entries = timeline(text, steps, first, old)
    ends = [end for end, _ in entries]
    assert ends == sorted(set(ends))
    assert ends[0] >= 1
    assert ends[-1] == max(first if old and first is not None else steps, 1)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", ""), ("(", ""), ("", "]"), ("[", "]"), ("([", "])"), ("([", ")]"), ("[", "|a]"), ("[a|", "]"), ("[a:", ":3]"), ("[", "a:3]"), ("[:", "")],
)
def test_ten_thousand_brackets_do_no_harm(opening: str, closing: str) -> None:
    def seconds(count: int) -> float:
        text = opening * count + "x" + closing * count
        times = []
        for _ in range(3):
            start = time.perf_counter()
            timeline(text, 40)
            times.append(time.perf_counter() - start)
        return min(times)

    # Eight times the brackets: quadratic time would be 64-fold.
    assert seconds(8_000) < 30 * seconds(1_000) + 0.2


def test_many_alternations_are_written_out_side_by_side() -> None:
    entries = timeline("[a|b]" * 2000, 300)
    assert [end for end, _ in entries] == list(range(1, 301))
    assert {text for _, text in entries} == {"a" * 2000, "b" * 2000}
