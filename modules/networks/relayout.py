"""The child process that rewrites a checkpoint in another layout: `python -m modules.networks.relayout TO SOURCE TARGET CONFIG PREDICTION`. TO: "folder" or "file".

A process of its own because sizes are told by building the networks, which takes torch; whoever starts it (`stock.relayouts`) need not have that. How far it
is goes to stdout, a share from 0 to 1 a line; what is wrong goes there as one line of JSON, as `EaselError.as_dict`. Ended at any moment it leaves no file under the name.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from modules.core.errors import EaselError
from modules.networks.ldm_export import to_single_file
from modules.networks.ldm_folder import to_folder


def main(to: str, source: str, target: str, config: str, prediction: str) -> int:
    def report(share: float) -> None:
        print(f"{share:.4f}", flush=True)

    try:
        if to == "folder":
            to_folder(Path(source), Path(target), report, Path(config) if config else None, prediction)
        else:
            to_single_file(Path(source), Path(target), report)
    except EaselError as error:
        print(json.dumps(error.as_dict()), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:6]))
