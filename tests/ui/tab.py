"""One page as a test uses it: boxes by name, Generate, waiting for what is to come, places that hold still, and a last look that nothing went wrong.

A machine may be busy, so a test waits for what it wants to see and never for a time, and reads no position that may still change.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from tests.ui import page as at

QUIET = 1800
"""Milliseconds. Longer than any timer after which the page asks something by itself: `assets/fit.js` looks once a second, and waits 700 more."""

FRAMES = """async () => {
    for (let count = 0; count < 3; count += 1) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    await new Promise((done) => requestIdleCallback(done));
}"""

STOP = """async () => {
    for (const job of window.easel.jobs() || []) if (['running', 'queued'].includes(job.state)) await window.easel.ask(`jobs/${job.id}/interrupt`, { how: 'stop' });
}"""

IDLE = f"""() => new Promise((done) => requestIdleCallback(() => setTimeout(() => requestAnimationFrame(() => requestIdleCallback(done)), {QUIET})))"""

SAID = """window.said = [];
new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
        for (const node of addedNodes)
            if (node.classList) window.said.push(...[node, ...node.querySelectorAll('.easel-message')].filter((one) => one.matches('.easel-message')).map((one) => one.textContent));
}).observe(document, { childList: true, subtree: true });"""
"""Notes each message of the page: it is taken away again after ten seconds."""

REST = """async (element, patience) => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const end = performance.now() + patience;
    let [last, same, over] = ['', 0, null];
    while (performance.now() < end) {
        await frame();
        const { x, y, width, height } = element.getBoundingClientRect();
        const box = [x, y, width, height].join();
        over = document.elementFromPoint(x + width / 2, y + height / 2);
        same = box === last && over && element.contains(over) ? same + 1 : 0;
        last = box;
        if (same >= 10) return { x, y, width, height };
    }
    throw new Error(`it never held still with nothing before it: ${last}; at its middle lies ${over && over.outerHTML.slice(0, 300)}`);
}"""

SUBMITTED = "() => JSON.parse(sessionStorage.getItem('easel-submitted') || '[]').map(([id]) => id)"


def answered(url: str) -> bool:
    """Whether a request comes to an end by itself: progress is asked for again and again, and Gradio holds one request open to see that the page is there."""
    return not any(part in url for part in ("/easel/live", "/heartbeat/", "blob:"))


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


class Tab:
    """One page in a profile of its own, with what it asked for and what went wrong in it.

    prefix: of the panel that is meant; a test may set it. forgiven: parts of lines about errors that a test provokes.
    held: an address pattern whose requests get no answer until `release`; without an answer about what goes on a page counts as there once its parts are.
    """

    def __init__(self, browser: Browser, address: str, query: str = "", held: str = "", **context: Any) -> None:
        self.prefix = "txt2img"
        self.settled = False
        self.forgiven: list[str] = []
        self._touch: Any = None
        self.page: Page = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **context}).new_page()
        self.page.set_default_timeout(at.PATIENCE * 1000)
        self.asked: list[str] = []
        self.hosts: set[str] = set()
        self.wrong: list[str] = []
        self.page.on("request", lambda request: self._noted(request.url))
        self.open: set[Any] = set()
        self.page.on("request", lambda request: self.open.add(request) if answered(request.url) else None)
        for end in ("requestfinished", "requestfailed"):
            self.page.on(end, lambda request: self.open.discard(request))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda message: self.wrong.append(f"{message.text} {message.location.get('url', '')}") if message.type == "error" else None)
        self.page.on("domcontentloaded", lambda page: setattr(self, "settled", False))
        self.page.add_init_script(SAID)
        self._held = held
        if held:
            self.page.route(held, lambda route: None)
        self.page.goto(f"{address}/{query}")
        at.brought(self.page)
        if not held:
            self.page.wait_for_function("() => window.easel.jobs() !== null")

    def _noted(self, url: str) -> None:
        self.asked.append(url)
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws"):
            self.hosts.add(parts.netloc)

    def release(self) -> None:
        """What was held goes on."""
        self.page.unroute(self._held)

    @property
    def faults(self) -> list[str]:
        """What went wrong and was not provoked."""
        return [line for line in self.wrong if not any(part in line for part in self.forgiven)]

    def finish(self) -> None:
        """Stops what still runs and closes the page, which must have asked no other host and raised no error."""
        if self.page.is_closed():
            return
        host = urlsplit(self.page.url).netloc
        try:
            self.page.evaluate(STOP)
            self.until_all_done()
        finally:
            self.page.context.close()
        assert self.hosts <= {host}, f"the page asked another host: {self.hosts}"
        assert self.faults == [], "\n".join(self.faults)

    def reload(self) -> None:
        self.page.reload()
        at.brought(self.page)

    def settle(self) -> None:
        """Waits until a page asks for nothing more (but for progress, which it follows), and forgets what it asked for: all is answered, its own thread is idle,
        and no timer of its own brings up anything new."""
        while True:
            before = len(self.asked)
            self.page.evaluate(IDLE)
            if not self.open and not [url for url in self.asked[before:] if answered(url)]:
                break
        self.settled = True
        self.asked.clear()

    def calm(self) -> None:
        """Waits until all that was asked is answered and shown. Quicker than `settle`: what the page will think of by itself may still come."""
        while True:
            self.page.evaluate(FRAMES)
            if not self.open:
                break

    def rest(self, place: Locator) -> Box:
        """-> where an element lies in the window, in CSS pixels, once it can be met by coordinates: it is in sight, it holds still while nothing is being loaded,
        and at its middle nothing lies before it."""
        if not self.settled:
            self.settle()
        place.scroll_into_view_if_needed()
        while True:
            found = place.evaluate(REST, at.PATIENCE * 1000)
            if not self.open:
                return Box(**found)

    def fingers(self, kind: str, *points: tuple[float, float]) -> None:
        """kind: "touchStart", "touchMove" or "touchEnd". points: where each finger is, in CSS pixels of the window."""
        if self._touch is None:
            self._touch = self.page.context.new_cdp_session(self.page)
        self._touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]})

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
        self.until("() => (window.easel.jobs() || []).every((job) => !['running', 'queued'].includes(job.state))")

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

    def until_said(self, text: str) -> None:
        """A message of the page with this text came, after those that were waited for before."""
        self.page.wait_for_function("(text) => window.said.some((one) => one.includes(text))", arg=text)
        self.page.evaluate("(text) => { window.said = window.said.slice(window.said.findIndex((one) => one.includes(text)) + 1); }", text)

    def until_fits(self) -> None:
        """The page is no wider than its window, once all is shown."""
        self.calm()
        size = self.page.viewport_size
        self.until(f"() => document.documentElement.scrollWidth <= {size['width'] if size else 0}")

    def messages(self) -> str:
        return self.page.locator("#easel_messages").inner_text() if self.page.locator("#easel_messages").count() else ""


Another = Callable[..., Tab]
"""The fixture `another`."""


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()
