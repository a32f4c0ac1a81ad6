"""`import-a1111 FOLDER`: takes over settings, start values, styles and model folders of an A1111 installation, says what was taken and what not, and takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modules.a1111.adoption import Adoption, Report
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.parser import BadWords, Parser
from modules.core.form_defaults import FormDefaults
from modules.core.settings import SettingsStore

MARKS = {"taken": "+", "already so": "=", "not taken": "-"}


def run(words: Sequence[str]) -> int:
    parser = Parser("import-a1111 FOLDER", "Takes over what an AUTOMATIC1111 installation holds. Copies no model and changes nothing in that folder.")
    parser.add_argument("folder", nargs="?", default="", metavar="FOLDER", help="the folder of the installation, stable-diffusion-webui")
    parser.add_argument("--look", action="store_true", help="say what would be taken, and change nothing")
    parser.add_argument("--undo", action="store_true", help="take back what was taken over last")
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    if bool(found.folder) == found.undo:
        raise BadWords("Name the folder of an A1111 installation, or give --undo.")
    paths = options_of(found).paths
    adoption = Adoption(paths, SettingsStore(paths.settings), FormDefaults(paths.form_defaults), lambda: None)
    if found.undo:
        told(adoption.undo(), "taken back")
    elif found.look:
        told(adoption.look(Path(found.folder)), "would be taken")
    else:
        told(adoption.take(Path(found.folder)), "taken")
        print("`import-a1111 --undo` takes it back. A running Easel sees it at its next start.", flush=True)
    return 0


def told(report: Report, word: str) -> None:
    print(f"{report.root}", flush=True)
    for row in report.rows:
        value = f" = {row.value}" if row.value else ""
        print(f"  {MARKS[row.state]} {row.source}: {row.name}{value}{f'  ({row.note})' if row.note else ''}", flush=True)
    counts = {state: sum(row.state == state for row in report.rows) for state in MARKS}
    print(
        f"{counts['taken']} {word}, {counts['already so']} already so, {counts['not taken']} not taken, {report.usual} as A1111 has them by itself.", flush=True
    )
