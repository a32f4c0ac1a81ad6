"""Variables by which the libraries are told to keep to this machine (no telemetry, no look at a model hub, no proxy on the way to ourselves)
and to share it well.

What the user has set stays. Must run before those libraries are imported: they read their environment once.
"""

from __future__ import annotations

import os

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "PYTORCH_ENABLE_MPS_FALLBACK": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait sleep; spinning ones collapse twenty-fold beside any other load
    "GOMP_SPINCOUNT": "1000",  # but they look for a few microseconds first: to be woken at each operation took 40 % of a picture (benchmarks/threads.py)
}
OURSELVES = ("localhost", "127.0.0.1", "::1")


def keep_to_ourselves() -> None:
    """Sets what is not set yet."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        known = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join([*known, *(host for host in OURSELVES if host not in known)])
