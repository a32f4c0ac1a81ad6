"""`python -m modules.cli`: every sub-command but `serve`, without launch.py's look at what is installed."""

from __future__ import annotations

import sys

from modules.app import App
from modules.cli import main
from modules.cli.complaint import complain
from modules.core.options import Options


def _serve(app: App, options: Options) -> int:
    return complain("The page is started by `python launch.py`.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _serve))
