"""One of several processes that train together; the environment says which. For `test_processes`."""

from __future__ import annotations

import sys
from pathlib import Path

from modules.training import loop
from tests.training import toy

if __name__ == "__main__":
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(batch=2), loop.Run(Path(sys.argv[1])))
