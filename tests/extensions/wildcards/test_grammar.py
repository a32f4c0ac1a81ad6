"""The grammar of templates: what is read as a choice, what stays as it is, and that any text is read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extensions.wildcards.grammar import Choice, Node, Wildcard, parse, weighted

SCRAPS = (
    "{", "}", "|", "$$", "::", "__", "_", "a", "b c", "2$$", "1-2$$", "-3$$", "2-$$", "0.5::", "3::", "\\", "\\{", "\\}", "\\__", "__a__", "__n/tree__",
    "[", "]", "[a:b:0.5]", "(x:1.2)", "<lora:x:1>", " AND ", "BREAK", "\n", "*", "**", "日本", "\U0001f600", "\x00", "(", ")", "{a|b}", "{2$$ - $$a|b}",
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join))


def shape(nodes: tuple[Node, ...]) -> list[object]:
    """Readable: wildcards as ("name",), choices as lists of (weight, shape)."""
    found: list[object] = []
    for node in nodes:
        if isinstance(node, Wildcard):
            found.append((node.name,))
        elif isinstance(node, Choice):
            found.append([(option.weight, *shape(option.nodes)) for option in node.options])
        elif found and isinstance(found[-1], str):
            found[-1] += node
        else:
            found.append(node)
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("a cat", ["a cat"]),
        ("__animal__", [("animal",)]),
        ("a __n/tree__, b", ["a ", ("n/tree",), ", b"]),
        ("__a____b__", [("a",), ("b",)]),
        ("___a__", ["_", ("a",)]),
        ("__hair color__ __a*__ __**/x__ __日本__", [("hair color",), " ", ("a*",), " ", ("**/x",), " ", ("日本",)]),
        ("__ a__ __a __ ____ __", ["__ a__ __a __ ____ __"]),
        ("{a|b}", [[(1.0, "a"), (1.0, "b")]]),
        ("{ a | b }", [[(1.0, "a"), (1.0, "b")]]),
        ("{a|}", [[(1.0, "a"), (1.0,)]]),
        ("{2::a|0.5::b|.25::c|d}", [[(2.0, "a"), (0.5, "b"), (0.25, "c"), (1.0, "d")]]),
        ("{a|{b|c} d}", [[(1.0, "a"), (1.0, [(1.0, "b"), (1.0, "c")], " d")]]),
        ("{__a__|b}", [[(1.0, ("a",)), (1.0, "b")]]),
        ("{a:b|c}", [[(1.0, "a:b"), (1.0, "c")]]),
        # A1111's own syntax, and braces with nothing to choose
        ("{x}", ["{x}"]),
        ("{{x}} {prompt}", ["{{x}} {prompt}"]),
        ("{a {b|c}}", ["{a ", [(1.0, "b"), (1.0, "c")], "}"]),
        ("(x:1.2) [a:b:0.5] [a|b] a|b <lora:x:1> BREAK", ["(x:1.2) [a:b:0.5] [a|b] a|b <lora:x:1> BREAK"]),
        ("{[a|b]|c}", [[(1.0, "[a|b]"), (1.0, "c")]]),
        ("{[a|b}", [[(1.0, "[a"), (1.0, "b")]]),
        ("{:)|:(}", [[(1.0, ":)"), (1.0, ":(")]]),
        # without a partner
        ("{a|b", ["{a|b"]),
        ("a|b}", ["a|b}"]),
        ("{a|{b|c}", ["{a|", [(1.0, "b"), (1.0, "c")]]),
        # escapes
        (r"\{a|b\}", ["{a|b}"]),
        (r"\__a__", ["__a__"]),
        (r"{a\|b|c}", [[(1.0, r"a\|b"), (1.0, "c")]]),
        (r"\(a\) \\ b", [r"\(a\) \\ b"]),
        ("a\\", ["a\\"]),
    ],
)
def test_read(text: str, wanted: list[object]) -> None:
    assert shape(parse(text)) == wanted


@pytest.mark.parametrize(
    ("text", "least", "most", "separator", "options"),
    [
        ("{2$$a|b|c}", 2, 2, ", ", 3),
        ("{1-2$$a|b|c}", 1, 2, ", ", 3),
        ("{-2$$a|b|c}", None, 2, ", ", 3),
        ("{2-$$a|b|c}", 2, None, ", ", 3),
        ("{0-1$$a}", 0, 1, ", ", 1),
        ("{2$$ and $$a|b|c}", 2, 2, " and ", 3),
        ("{2$$$$a|b}", 2, 2, "", 2),
        ("{2$$__a__}", 2, 2, ", ", 1),
        ("{a|b}", 1, 1, ", ", 2),
        ("{$$a|b}", 1, 1, ", ", 2),
    ],
)
def test_how_many_and_what_between(text: str, least: int, most: int, separator: str, options: int) -> None:
    (node,) = parse(text)
    assert isinstance(node, Choice)
    assert (node.least, node.most, node.separator, len(node.options), node.source) == (least, most, separator, options, text)


@pytest.mark.parametrize(
    ("line", "wanted"), [("cat", (1.0, "cat")), (" 3::a cat ", (3.0, "a cat")), ("a::b", (1.0, "a::b")), ("0::x", (0.0, "x")), ("::x", (1.0, "::x"))]
)
def test_weights_of_lines(line: str, wanted: tuple[float, str]) -> None:
    assert weighted(line) == wanted


def source(nodes: tuple[Node, ...]) -> str:
    return "".join(node if isinstance(node, str) else node.source for node in nodes)


@settings(deadline=None)
@given(TEXTS)
def test_any_text_is_read_and_nothing_of_it_is_lost(text: str) -> None:
    text = text.replace("\\", "/")  # an escape loses its backslash
    assert source(parse(text)) == text


@settings(deadline=None)
@given(TEXTS)
def test_escapes_lose_their_backslash_and_nothing_else(text: str) -> None:
    assert len(text) - text.count("\\") <= len(source(parse(text))) <= len(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("scrap", ["{", "}", "[", "{[", "__a", "__ ", "{a|", "{__", "\\", "{2$$", "{1::", "_"])
@pytest.mark.parametrize("end", ["", "}", "|b}", "]", "__"])
def test_the_worst_texts_are_read_in_bounded_work(scrap: str, end: str) -> None:
    """Twenty thousand characters from which a backtracking reader would not come back within the test's own limit."""
    count = 20_000 // (len(scrap) + len(end))
    text = scrap * count + end * count
    assert len(source(parse(text))) >= len(text) - text.count("\\")
