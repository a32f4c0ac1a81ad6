"""A stand-in of the model hub on this machine: its API for one repository, its files with ranges, and whatever may go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPOSITORY, COMMIT = "ann/watercolour", "1234567890abcdef1234567890abcdef12345678"
PIECE = 16 * 1024


class Hub:
    """files: path -> bytes. token: needed for everything, "" for none. gated: answered so. cuts: how many answers break off half way. gate: cleared, every answer
    stops half way until it is set. moved: path -> where its file really is. asked: (path, headers). wrong: path -> what comes in place of its bytes."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.token, self.gated, self.cuts = files, "", False, 0
        self.gate = threading.Event()
        self.gate.set()
        self.moved: dict[str, str] = {}
        self.wrong: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path: str) -> str:
        return f"{self.address}/{REPOSITORY}/resolve/{COMMIT}/{path}"

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        path = to.path.partition("?")[0]
        self.asked.append((path, {name.lower(): value for name, value in to.headers.items()}))
        if self.token and to.headers.get("Authorization") != f"Bearer {self.token}":
            return self._say(to, 401, {"error": "no"}, {"X-Error-Code": "RepoNotFound"})
        if path.startswith("/api/models/"):
            return self._tell(to, path.removeprefix("/api/models/"))
        found = re.fullmatch(rf"/{REPOSITORY}/resolve/[^/]+/(.+)", path)
        if found and found[1] in self.moved:
            return self._say(to, 302, {}, {"Location": self.moved[found[1]]})
        if not found or found[1] not in self.files:
            return self._say(to, 404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        self._send(to, self.wrong.get(found[1], self.files[found[1]]), hashlib.sha256(self.files[found[1]]).hexdigest())

    def _tell(self, to: BaseHTTPRequestHandler, rest: str) -> None:
        name, _, revision = rest.partition("/revision/")
        if name != REPOSITORY:
            return self._say(to, 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if self.gated:
            return self._say(to, 403, {"error": "Access is restricted"}, {"X-Error-Code": "GatedRepo"})
        if revision not in ("", "main", COMMIT):
            return self._say(to, 404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        siblings: list[dict[str, Any]] = []
        for path, data in self.files.items():
            lfs = (
                {"lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}} if path.endswith((".safetensors", ".bin")) else {}
            )
            siblings.append({"rfilename": path, "size": len(data), "blobId": "0" * 40, **lfs})
        self._say(
            to,
            200,
            {"id": REPOSITORY, "sha": COMMIT, "private": False, "gated": False, "tags": ["lora"], "cardData": {"license": "cc0-1.0"}, "siblings": siblings},
        )

    def _say(self, to: BaseHTTPRequestHandler, status: int, told: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(told).encode()
        to.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
            to.send_header(name, value)
        to.end_headers()
        if to.command != "HEAD":
            to.wfile.write(data)

    def _send(self, to: BaseHTTPRequestHandler, data: bytes, etag: str) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", to.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and to.headers.get("If-Range", f'"{etag}"') == f'"{etag}"' else 0
        to.send_response(206 if start else 200)
        if start:
            to.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        to.send_header("Content-Length", str(len(data) - start))
        to.send_header("ETag", f'"{etag}"')
        to.send_header("Connection", "close")
        to.end_headers()
        half = start + (len(data) - start) // 2
        try:
            for place in range(start, len(data), PIECE):
                if place >= half and self.cuts:
                    self.cuts -= 1
                    to.close_connection = True
                    return
                if place >= half:
                    self.gate.wait(600)
                to.wfile.write(data[place : place + PIECE])
        except OSError:
            to.close_connection = True
