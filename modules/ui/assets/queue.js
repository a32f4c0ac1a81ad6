// The Queue tab: what runs, what waits (to be moved and cancelled), and what was made lately.
"use strict";
(() => {
    const easel = window.easel;
    const drawn = new Map();
    const FIRST = 8; // rows of the past that come with the tab; the others follow when the page has nothing else to do
    let whole = false;

    const act = async (path, body) => {
        try {
            await easel.ask(path, body);
        } catch (error) {
            easel.say(error.message, "error");
        }
        easel.hurry();
    };

    const button = (glyph, name, onclick, off = false) => easel.make("button", { type: "button", class: "tool", title: name, "aria-label": name, disabled: off, onclick }, glyph);

    const open = (job) => {
        const panel = easel.panelOfJob(job);
        panel.gallery.open(job);
        panel.open();
    };

    const resume = async (job) => {
        try {
            const { job: id } = await easel.ask(`jobs/${job.id}/resume`, {});
            const panel = easel.panelOfJob(job);
            panel.open();
            easel.submitted(id, panel.prefix);
        } catch (error) {
            easel.say(error.message, "error");
        }
        easel.hurry();
    };

    const WORDS = { running: "Running", queued: "Waiting", done: "Done", failed: "Failed", cancelled: "Cancelled" };

    const moment = new Intl.DateTimeFormat([], { dateStyle: "short", timeStyle: "short" }); // one for all rows: making it takes longer than a row

    const row = (job, place, waiting) => {
        const picture = job.thumb ? easel.make("img", { src: easel.url(job.thumb), alt: "", width: 48, height: 48, loading: "lazy" }) : easel.make("span", { class: "blank", "aria-hidden": "true" });
        const facts = [WORDS[job.state], job.wanted > 1 ? `${Math.min(job.made, job.wanted)} of ${job.wanted} pictures` : "", ...(job.details || []), job.finished ? moment.format(job.finished * 1000) : ""].filter(Boolean).join(" · ");
        const words = easel.make("div", { class: "words" }, easel.make("p", { class: "prompt" }, job.prompt || "(empty prompt)"), easel.make("p", { class: "facts" }, facts), job.error ? easel.make("p", { class: "error" }, job.error) : null);
        const tools = easel.make("div", { class: "tools" });
        if (job.own && job.state === "queued") {
            tools.append(
                button("▲", "Move up", () => act(`jobs/${job.id}/move`, { position: place - 1 }), place === 0),
                button("▼", "Move down", () => act(`jobs/${job.id}/move`, { position: place + 1 }), place === waiting - 1),
                button("✕", "Cancel", () => act(`jobs/${job.id}/interrupt`, { how: "stop" })),
            );
        } else if (job.own && job.state === "running") {
            tools.append(button("✕", "Interrupt", () => act(`jobs/${job.id}/interrupt`, { how: "stop" })));
        } else if (job.own) {
            if (job.resumable) tools.append(button("▶", "Go on with it: what is drawn already is kept", () => resume(job)));
            if (job.made) tools.append(button("🖼️", `Show in ${easel.panelOfJob(job).prefix}`, () => open(job)));
        }
        return easel.make("li", { class: job.state, "data-job": job.id }, picture, words, tools);
    };

    // Draws only what changed, so that focus and pointer stay where they are.
    const fill = (list, jobs) => {
        const waiting = jobs.length;
        const rows = jobs.map((job, place) => {
            const look = JSON.stringify(job.state === "queued" ? [job, place, waiting] : [job]);
            const old = drawn.get(job.id);
            if (old && old.look === look) return old.element;
            const element = row(job, place, waiting);
            if (old && old.state === "running" && job.state === "running") {
                // It only went on: its button stays, so that no click on it is lost.
                for (const [at, part] of [...element.children].slice(0, 2).entries()) old.element.children[at].replaceWith(part);
                old.look = look;
                return old.element;
            }
            drawn.set(job.id, { look, element, state: job.state });
            if (old && old.element.contains(document.activeElement)) {
                const name = document.activeElement.getAttribute("aria-label");
                requestAnimationFrame(() => {
                    const again = element.querySelector(`[aria-label="${name}"]`);
                    if (again) again.focus();
                });
            }
            return element;
        });
        easel.arrange(list, rows);
    };

    easel.queue = {
        render: (jobs) => {
            const place = easel.byId("easel_queue");
            if (!place) return;
            const active = jobs.filter((job) => job.state === "running");
            const waiting = jobs.filter((job) => job.state === "queued");
            const over = jobs.filter((job) => job.state !== "running" && job.state !== "queued");
            fill(place.querySelector(".active"), active);
            fill(place.querySelector(".waiting"), waiting);
            fill(place.querySelector(".over"), whole ? over : over.slice(0, FIRST));
            if (!whole && over.length > FIRST) {
                const idle = window.requestIdleCallback || ((todo) => setTimeout(todo, 50)); // Safari has none
                idle(() => {
                    whole = true;
                    easel.queue.render(easel.jobs());
                });
            }
            place.querySelector(".none").hidden = active.length + waiting.length > 0;
            place.querySelector(".lately").hidden = !over.length;
            for (const id of drawn.keys()) if (!jobs.some((job) => job.id === id)) drawn.delete(id);
        },
    };
})();
