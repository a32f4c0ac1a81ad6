// Two pictures over each other with a slider between them, and the table of what differs. Left is A, right is B: the picture that was shown.
"use strict";
(() => {
    const easel = window.easel;
    const make = easel.make;
    let a = null;
    let b = null;
    let choices = [];

    const range = make("input", { type: "range", min: "0", max: "100", value: "50", "aria-label": "How much of A is shown" });
    const left = make("img", { class: "a", alt: "A" });
    const right = make("img", { class: "b", alt: "B" });
    const stage = make("div", { class: "stage" }, make("div", { class: "both" }, right, left, make("span", { class: "tag left" }, "A"), make("span", { class: "tag right" }, "B"), make("i", { class: "line", "aria-hidden": "true" })));
    const both = stage.firstElementChild;
    const trouble = make("p", { class: "trouble", role: "status" });
    const table = make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Parameter"), make("th", { scope: "col" }, "A"), make("th", { scope: "col" }, "B"))), make("tbody"));
    const strips = { a: make("div", { class: "choices", role: "group", "aria-label": "Picture A" }), b: make("div", { class: "choices", role: "group", "aria-label": "Picture B" }) };
    const dialog = make(
        "dialog",
        { id: "easel_compare", "aria-label": "Compare two pictures" },
        make("header", {}, make("h2", {}, "Compare"), make("button", { type: "button", "aria-label": "Close", onclick: () => dialog.close() }, "×")),
        stage,
        range,
        trouble,
        make("div", { class: "row" }, make("b", {}, "A"), strips.a),
        make("div", { class: "row" }, make("b", {}, "B"), strips.b),
        table,
    );
    const cut = () => both.style.setProperty("--cut", `${range.value}%`);
    range.addEventListener("input", cut);
    const drag = (event) => {
        if (!event.buttons) return;
        const box = both.getBoundingClientRect();
        range.value = String(Math.round(((event.clientX - box.left) / box.width) * 100));
        cut();
        event.preventDefault();
    };
    both.addEventListener("pointerdown", drag);
    both.addEventListener("pointermove", drag);

    const same = (one, other) => one && other && one.url === other.url;
    const name = (picture) => `${picture.job}/${picture.number}`;

    const differ = async () => {
        table.hidden = true;
        if (!a.job || !b.job) {
            trouble.textContent = "";
            return;
        }
        try {
            const { rows } = await easel.ask(`compare?a=${encodeURIComponent(name(a))}&b=${encodeURIComponent(name(b))}`);
            trouble.textContent = rows.length ? "" : "All parameters are the same.";
            table.tBodies[0].replaceChildren(...rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.label), make("td", {}, row.a), make("td", {}, row.b))));
            table.hidden = !rows.length;
        } catch (error) {
            trouble.textContent = error.message;
        }
    };

    const show = () => {
        left.src = a.url;
        right.src = b.url;
        left.alt = a.name;
        right.alt = b.name;
        for (const [side, current] of [["a", a], ["b", b]]) {
            strips[side].replaceChildren(...choices.map((picture) => make("button", {
                type: "button",
                title: picture.name,
                "aria-label": picture.name,
                "aria-pressed": String(Boolean(same(picture, current))),
                onclick: () => {
                    if (side === "a") a = picture;
                    else b = picture;
                    show();
                },
            }, make("img", { src: picture.thumb, alt: "", width: 48, height: 48, loading: "lazy" }))));
        }
        cut();
        differ();
    };

    // Everything that can be chosen: what the shown picture was made from, its job's pictures, and the latest picture of other jobs.
    const gather = async (panel) => {
        const shown = panel.shown;
        const found = [];
        const before = easel.url(`before/${shown.job}/${shown.number}`);
        const answer = await fetch(before).catch(() => null);
        if (answer && answer.status === 200) found.push({ url: before, thumb: before, name: "What it was made from", job: "", number: 0 });
        const detail = await easel.ask(`jobs/${shown.job}`);
        for (const [at, picture] of detail.pictures.entries()) found.push({ ...picture, url: easel.url(picture.url), thumb: easel.url(picture.thumb), name: `Picture ${at + 1}, seed ${picture.seed}`, job: shown.job });
        const others = (easel.jobs() || []).filter((job) => job.own && job.thumb && job.id !== shown.job);
        for (const job of others.slice(0, 20)) {
            const number = Number(job.thumb.split("/").pop());
            found.push({ url: easel.url(`jobs/${job.id}/pictures/${number}/picture`), thumb: easel.url(job.thumb), name: job.prompt || "(empty prompt)", job: job.id, number });
        }
        return found;
    };

    const open = async (panel) => {
        if (!panel.shown) return;
        try {
            choices = await gather(panel);
        } catch (error) {
            easel.say(error.message, "error");
            return;
        }
        b = choices.find((picture) => picture.job === panel.shown.job && picture.number === panel.shown.number);
        a = choices.find((picture) => picture !== b);
        if (!b || !a) {
            easel.say("There is no other picture yet to compare this one with.");
            return;
        }
        range.value = "50";
        if (!dialog.open) {
            document.body.append(dialog);
            dialog.showModal();
        }
        show();
    };

    for (const panel of Object.values(easel.panels)) {
        easel.when(`#image_buttons_${panel.prefix}`, (place) => {
            place.append(make("button", { type: "button", id: `${panel.prefix}_compare`, class: "tool wide", title: "Compare this picture with what it was made from, or with another one", onclick: () => open(panel) }, "⚖️ ", make("span", { class: "word" }, "Compare")));
        });
    }
})();
