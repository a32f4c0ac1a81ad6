"""Every text that the page shows by itself: of widgets, of markup, of the scripts and of what handlers say. Values stand as {0}, {1} ... in it.

What people write, what models and samplers are called, and what the engine says of a request that went wrong are not among them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from modules import core
from modules.core.params import literal_names, walk
from modules.core.request import GenerationRequest
from modules.core.settings import Settings
from modules.engine.sweeps import SWEEPS
from modules.ui import build, layout
from modules.ui.build import ASSETS, Page

NO_WORDS = re.compile(r"[\W\d_]*")
"""Glyphs, numbers and signs alone."""
SHOWN = ("title", "aria-label", "placeholder", "alt", "aria-description")
"""Attributes that people see or hear."""


FROM_BELOW = {"Getting ready…", "Loading torch and diffusers…", "Loading {0}…", "Another user's pictures"}
"""What other layers say and the page shows at every start."""


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def worded(texts: Iterator[str]) -> set[str]:
    return {found for text in texts if (found := plain(text)) and not NO_WORDS.fullmatch(re.sub(r"\{\w*\}", "", found))}


def of_widgets(page: Page) -> set[str]:
    def texts() -> Iterator[str]:
        for block in page.blocks.blocks.values():
            kind = block.get_block_name()
            named = [getattr(block, name, None) for name in ("label", "info", "placeholder")]
            yield from (text for text in named if isinstance(text, str) and getattr(block, "visible", True) is True)
            if kind == "button":
                yield str(block.value)
            if kind in ("radio", "checkboxgroup"):
                yield from (str(shown) for shown, _ in block.choices)

    return worded(texts())


def of_choices() -> set[str]:
    """Of menus whose entries are words of the program."""
    roots = [GenerationRequest, Settings, *(script.arguments for script in SWEEPS)]
    return worded(name for root in roots for field in walk(root) for name in literal_names(field.type))


class Markup(HTMLParser):
    """What of a piece of HTML is read: text, and the attributes that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("style", "script")
        self.texts += [value for name, value in attrs if name in SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.texts.append(data)


def of_markup(html: str) -> set[str]:
    reader = Markup()
    reader.feed(html)
    return worded(iter(reader.texts))


def of_html(page: Page) -> set[str]:
    values = (block.value for block in page.blocks.blocks.values() if block.get_block_name() == "html")
    return {text for value in values if isinstance(value, str) for text in of_markup(value)}


def of_tools() -> set[str]:
    return worded(words for _, words in layout.TOOLS.values())


LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`', re.DOTALL)
BEGINS = re.compile(r"(\W+ )?[A-Z]|[\u2713\u2715\u201c(=+]|\{0\} [a-z]")
CODE = re.compile(r"[#=\[\]<>\\`*]|;(?! )|--|px\b|\.(?=\w+$)|\(\{|[\w-]+: \w+\)$|^\w+/\w|^(Arrow\w+|Enter|Escape|Tab|Home|Files)$")
"""Of what is no text for people: selectors, styles, names of keys."""


def is_spoken(text: str) -> bool:
    """Whether a literal of a script looks like words for people: it begins like a sentence, or has several words."""
    if CODE.search(text.removeprefix("=")) or not re.search("[a-z]{2}", re.sub(r"\{\d\}", "", text)):
        return False
    return text.count("{") == text.count("}") and (bool(BEGINS.match(text)) or len(text.split()) >= 3)


def of_script(source: str) -> set[str]:
    """Literals that look like words for people; markup in them is read as such."""

    def texts() -> Iterator[str]:
        for found in LITERAL.finditer(source):
            text = found[1] if found[1] is not None else found[2]
            if text is None:
                continue
            text = text.replace('\\"', '"').replace("\\n", " ").replace("\\u2026", "\u2026")
            yield from of_template(text)

    return worded(texts())


def of_template(text: str) -> Iterator[str]:
    filled, count, rest = "", 0, text
    while (start := rest.find("${")) >= 0:
        depth, end = 0, start + 1
        for end in range(start + 1, len(rest)):
            depth += {"{": 1, "}": -1}.get(rest[end], 0)
            if depth == 0:
                break
        filled, count, rest = filled + rest[:start] + f"{{{count}}}", count + 1, rest[end + 1 :]
    filled += rest
    if re.search(r"</?[a-z]+[ >]", filled):
        yield from of_markup(filled)
    elif is_spoken(filled):
        yield filled


def of_scripts() -> set[str]:
    return {text for name in build.SCRIPTS for text in of_script((ASSETS / name).read_text("utf-8"))}


def of_styles() -> set[str]:
    return worded(found for name in build.STYLES for found in re.findall(r'content: "([^"]+)"', (ASSETS / name).read_text("utf-8")))


def spelled(node: ast.expr) -> str | None:
    """A literal as it is shown, with {0} for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        count = iter(range(10))
        return "".join(str(part.value) if isinstance(part, ast.Constant) else f"{{{next(count)}}}" for part in node.values)
    return None


def of_handlers() -> set[str]:
    """What `Said` is made with in the page's Python, and the errors of that layer."""

    def texts() -> Iterator[str]:
        for path in sorted(Path(build.__file__).parent.glob("*.py")):
            for call in ast.walk(ast.parse(path.read_text("utf-8"))):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Name)
                    and call.func.id in ("Said", "InvalidRequest", "NotFound", "Unsupported", "BadPicture")
                ):
                    for given in call.args[:2]:
                        branches = [given.body, given.orelse] if isinstance(given, ast.IfExp) else [given]
                        yield from (text for branch in branches if (text := spelled(branch)))

    return worded(texts())


def of_fragments() -> set[str]:
    """Markup that the page's Python makes later; docstrings are none."""

    def texts() -> Iterator[str]:
        for path in sorted(Path(build.__file__).parent.glob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                text = None if id(node) in told else spelled(node) if isinstance(node, ast.Constant | ast.JoinedStr) else None
                if text and re.search(r"<[a-z]+[ >/]", text):
                    yield from of_markup(text)

    return worded(text for text in texts() if re.search("[A-Za-z]{2}", re.sub(r"\{\d\}", "", text)))


def of_phases() -> set[str]:
    """What a run says that it is doing (`core.result.Progress.phase`)."""
    found = {"upscaling", "restoring faces", "saving"}  # of Extras, which hands them on by name
    for path in sorted(Path(core.__file__).parents[1].rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Progress" and call.args:
                found |= {text for text in [spelled(call.args[0])] if text}
    return found


def of_page(page: Page) -> dict[str, set[str]]:
    """All of them, by where they come from."""
    return {
        "widgets": of_widgets(page),
        "choices": of_choices(),
        "html": of_html(page),
        "tools": of_tools(),
        "scripts": of_scripts(),
        "styles": of_styles(),
        "handlers": of_handlers(),
        "fragments": of_fragments(),
        "below": FROM_BELOW | of_phases(),
    }
