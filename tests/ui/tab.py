"""One page as a test uses it: boxes by name, Generate, waiting for what is to come, and a last look that nothing went wrong."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.ui import page as at

SUBMITTED = "() => JSON.parse(sessionStorage.getItem('easel-submitted') || '[]').map(([id]) => id)"


def _answered(url: str) -> bool:
    """Whether a request comes to an end by itself: progress is asked for again and again, and Gradio holds one request open to see that the page is there."""
    return not any(part in url for part in ("/easel/live", "/heartbeat/", "blob:"))


class Tab:
    """One page in a profile of its own, with what it asked for and what went wrong in it. prefix: of the panel that is meant; a test may set it."""

    def __init__(self, browser: Browser, address: str, query: str = "", **context: Any) -> None:
        self.prefix = "txt2img"
        self.page: Page = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **context}).new_page()
        self.page.set_default_timeout(at.PATIENCE * 1000)
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.open: set[Any] = set()
        self.page.on("request", lambda request: self.open.add(request) if _answered(request.url) else None)
        for end in ("requestfinished", "requestfailed"):
            self.page.on(end, lambda request: self.open.discard(request))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda message: self.wrong.append(f"{message.text} {message.location.get('url', '')}") if message.type == "error" else None)
        self.page.goto(f"{address}/{query}")
        at.ready(self.page)
        self.page.wait_for_function("() => window.easel.jobs() !== null")

    def settle(self) -> None:
        """Waits until a page that was just opened asks for nothing more (but for progress, which it follows), and forgets what it asked for: all is answered,
        its own thread is idle, and nothing new is asked for half a second after."""
        idle = "() => new Promise((done) => requestIdleCallback(() => setTimeout(() => requestIdleCallback(done), 500)))"
        while True:
            before = len(self.asked)
            self.page.evaluate(idle)
            if not self.open and not [url for url in self.asked[before:] if _answered(url)]:
                break
        self.asked.clear()

    def box(self, name: str) -> Any:
        """The box of a parameter that one types into."""
        return self.page.locator(
            ", ".join(f"#{self.prefix}_{name} {kind}" for kind in ("textarea", "input[type=number]", "input[type=text]", "input[role=combobox]"))
        ).first

    def value(self, name: str) -> str:
        return str(self.box(name).input_value())

    def until_values(self, **wanted: object) -> None:
        """The boxes show these."""
        for name, value in wanted.items():
            expect(self.box(name)).to_have_value(str(value))

    def fill(self, **values: object) -> None:
        for name, value in values.items():
            self.box(name).fill(str(value))

    def generate(self) -> str:
        """Ctrl+Enter. -> the id of the job that it made."""
        before = self.page.evaluate(SUBMITTED)
        self.page.locator(f"#{self.prefix}_prompt textarea").press("Control+Enter")
        self.page.wait_for_function(f"(before) => ({SUBMITTED})().length > before.length", arg=before)
        return str(self.page.evaluate(SUBMITTED)[-1])

    def until(self, condition: str) -> None:
        try:
            self.page.wait_for_function(condition, polling=30)
        except TimeoutError:
            seen = "() => [document.querySelector('.easel-stage').className, document.querySelector('.doing').textContent, document.querySelector('#easel_status').textContent]"
            raise AssertionError(f"it never became true: {condition}\n{self.page.evaluate(seen)}\n{self.messages()}\n{self.jobs()}\n{self.wrong}") from None

    def jobs(self) -> list[dict[str, Any]]:
        return self.page.evaluate("async () => (await (await fetch('easel/live')).json()).jobs")

    def until_all_done(self) -> None:
        self.until("() => window.easel.jobs().every((job) => !['running', 'queued'].includes(job.state))")

    def until_state(self, id: str, state: str) -> dict[str, Any]:
        """-> the job's row, once it is in this state."""
        self.page.wait_for_function("([id, state]) => window.easel.jobs().some((job) => job.id === id && job.state === state)", arg=[id, state])
        return next(job for job in self.jobs() if job["id"] == id)

    def until_shown(self, id: str) -> None:
        """The finished job's picture is in the gallery."""
        self.page.wait_for_function("(id) => window.easel.shown && window.easel.shown.job === id && window.easel.shown.state === 'done'", arg=id)
        self.until(f"() => !document.querySelector('#{self.prefix}_gallery .easel-stage.previewing')")
        self.until(at.SHOWN.replace("txt2img", self.prefix))

    def picture(self) -> bytes:
        """The bytes of the picture that is shown."""
        script = "async () => { const bytes = new Uint8Array(await (await fetch(window.easel.shown.url)).arrayBuffer()); return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join('')); }"
        return base64.b64decode(self.page.evaluate(script))

    def messages(self) -> str:
        return self.page.locator("#easel_messages").inner_text() if self.page.locator("#easel_messages").count() else ""


def checked(browser: Browser, address: str) -> Iterator[Tab]:
    """A tab for one test; afterwards its jobs are stopped, and the page must have asked no other host and raised no error."""
    tab = Tab(browser, address)
    yield tab
    tab.page.evaluate(
        "async () => { for (const job of window.easel.jobs()) if (['running', 'queued'].includes(job.state)) await window.easel.ask(`jobs/${job.id}/interrupt`, { how: 'stop' }); }"
    )
    tab.until_all_done()
    hosts = {urlsplit(url).netloc for url in tab.asked if urlsplit(url).scheme in ("http", "https", "ws")}
    tab.page.context.close()
    assert hosts <= {urlsplit(address).netloc}, f"the page asked another host: {hosts}"
    assert tab.wrong == [], "\n".join(tab.wrong)


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()
