"""The child process that asks a model hub what a repository holds: `python -m modules.stock.hub_child`, the question as JSON on stdin, the answer on stdout.

In a process of its own because huggingface_hub reads its environment once, and Easel's own process tells it to stay offline. The answer holds the token of
the library's own store, so that files can be fetched with it; it goes nowhere else. `stock.hub` is who starts this.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import huggingface_hub
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

SECONDS = 20.0


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """question: {repository, revision}. -> what the repository holds, or {problem, ...}."""
    token = huggingface_hub.get_token()
    known = {"endpoint": constants.ENDPOINT, "token": token or ""}
    try:
        info = HfApi(token=token or False).model_info(question["repository"], revision=question["revision"] or None, files_metadata=True, timeout=SECONDS)
    except GatedRepoError:
        return {**known, "problem": "gated"}
    except RevisionNotFoundError:
        return {**known, "problem": "revision"}
    except RepositoryNotFoundError:
        return {**known, "problem": "repository"}
    except HFValidationError:
        return {**known, "problem": "name"}
    except HfHubHTTPError as error:
        return {**known, "problem": "status", "status": error.response.status_code if error.response is not None else 0}
    card = info.card_data.to_dict() if info.card_data else {}
    files = [
        {"path": one.rfilename, "size": one.size or 0, "sha256": (one.lfs.sha256 if one.lfs else "") or ""} for one in info.siblings or [] if one.rfilename
    ]
    told = {"repository": info.id, "revision": info.sha or "", "licence": str(card.get("license") or ""), "tags": [str(tag) for tag in info.tags or []]}
    return {**known, **told, "gated": bool(info.gated), "private": bool(info.private), "files": files, "base": str(card.get("base_model") or "")}


if __name__ == "__main__":
    try:
        said = answer(json.load(sys.stdin))
    except Exception as error:  # of the connection: httpx has many kinds, and the library wraps them in some versions
        said = {"problem": "connection", "kind": type(error).__name__, "endpoint": constants.ENDPOINT}
    json.dump(said, sys.stdout)
