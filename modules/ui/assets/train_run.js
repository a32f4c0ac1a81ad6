// A training that is watched: its curve, its samples beside those of the start, what can be done with it; and the list of runs (ui/trainings.py).
"use strict";
(() => {
    const easel = window.easel;
    const { make } = easel;
    const { train } = easel;
    const { panel } = train;
    const PACE = 1000;
    const WORDS = { running: "Training", queued: "Waiting in the queue", paused: "Paused", begun: "Interrupted before its first checkpoint", done: "Finished", broken: "Cannot be gone on with" };

    const state = { runs: [], chosen: "", detail: null, shown: -1 };
    train.state = state;
    const place = (selector) => document.querySelector(`#train_run ${selector}`);
    const live = (row) => row && (row.stage === "running" || row.stage === "queued");
    const button = (label, title, act, first = false) => make("button", { type: "button", class: `tool wide${first ? " first" : ""}`, title, onclick: act }, label);

    // What can be done with a run, in the order in which hands look for it.
    const end = (how) => async (event) => {
        event.target.disabled = true;
        await train.ask(`${train.run(state.chosen)}/end`, { how });
        easel.hurry();
    };
    const goOn = (keep) => async () => {
        const begun = await train.ask(`${train.run(state.chosen)}/go-on`, { keep });
        if (!begun) return;
        easel.submitted(begun.job, panel.prefix);
        load();
    };
    const discard = async (event) => {
        const sure = event.target;
        if (sure.dataset.sure !== "1") {
            sure.dataset.sure = "1";
            sure.textContent = "Really discard it?";
            return;
        }
        sure.disabled = true;
        const gone = await train.ask(`${train.run(state.chosen)}/discard`, {});
        if (gone) {
            easel.say(`What there was of it lies in ${gone.place}.`, "note", "Discarded");
            state.chosen = "";
        }
        load();
    };
    // Puts what was learnt where it is used.
    const tryIt = async () => {
        const { name, what, trigger, prompts } = state.detail;
        await easel.models.load();
        const group = { lora: "lora", inversion: "embedding", unet: "checkpoint", autoencoder: "vae" }[what];
        const row = easel.models.all.find((one) => one.name === name && (one.group === group || one.kind === group));
        if (!row) return easel.say("Its file is not among the models any more.", "error");
        const { txt2img } = easel.panels;
        const area = txt2img.box("prompt");
        const choose = (kind, value) => {
            easel.models.choose = JSON.stringify({ kind, value, panel: "txt2img" });
            easel.byId("easel_choose").click();
        };
        if (what === "unet") choose("checkpoint", row.value);
        if (what === "autoencoder") choose("vae", row.file);
        const own = easel.models.all.find((one) => one.group === "checkpoint" && one.name === state.detail.model);
        const current = easel.models.checkpoint();
        if ((what === "lora" || what === "inversion") && own && current && own.id !== current.id) choose("checkpoint", own.value);
        let text = area.value.trim() || (prompts.length ? prompts[0] : trigger);
        if (trigger && !text.toLowerCase().includes(trigger.toLowerCase())) text = `${text.replace(/,$/, "")}, ${trigger}`;
        if (what === "lora" && !text.includes(`<lora:${name}:`)) text = `${text} <lora:${name}:1>`.trim();
        easel.put(area, text);
        easel.openTab("tab_txt2img");
        area.focus();
    };

    const acts = (run) => {
        const found = [];
        if (run.stage === "running") found.push(button("⏸ Pause", "Writes a checkpoint and stops; it can be gone on with at any time, also after a restart", end("stop")), button("✓ Enough, keep it", "Ends it here and keeps what was learnt so far", end("skip")));
        if (run.stage === "queued") found.push(button("✕ Take out of the queue", "It has not begun yet", end("stop")));
        if (run.stage === "paused" || run.stage === "begun") found.push(button("▶ Resume", "Goes on from the last checkpoint as if nothing had been", goOn(false), true));
        if (run.stage === "paused") found.push(button("✓ Enough, keep it", "Ends it here and keeps what was learnt so far", goOn(true)));
        if (run.stage === "done") found.push(button("✨ Try it", "Puts it into the prompt of txt2img", tryIt, true));
        found.push(button("🗑 Discard", run.stage === "done" ? "Lays the run aside. The model that came out of it stays" : "Ends it and lays aside what there is of it", discard));
        return found;
    };

    // Samples: what it drew at the start beside what it draws at the chosen step.
    const samples = (run) => {
        const box = place(".samples");
        box.hidden = !run.samples.length;
        if (!run.samples.length) return;
        const drawn = run.samples;
        const at = state.shown < 0 || state.shown >= drawn.length ? drawn.length - 1 : state.shown;
        const look = JSON.stringify([run.name, drawn.map((one) => one.pictures), at]);
        if (box.dataset.look === look) return;
        box.dataset.look = look;
        const focused = box.contains(document.activeElement);
        const moment = (one, label) => make("figure", { style: `--across: ${Math.min(one.pictures.length, 2)}` }, make("figcaption", {}, label), ...one.pictures.map((url, number) => make("img", { src: easel.url(url), alt: `${run.prompts[number] || run.name}, step ${one.step}`, title: run.prompts[number] || "" })));
        const slider = make("input", { type: "range", min: 0, max: Math.max(drawn.length - 1, 1), step: 1, value: at, disabled: drawn.length < 2, "aria-label": "Step of the samples", "aria-valuetext": `Step ${drawn[at].step}` });
        slider.addEventListener("input", () => {
            const wish = Number(slider.value);
            state.shown = wish === drawn.length - 1 ? -1 : wish;
            samples(run);
        });
        box.replaceChildren(make("div", { class: "pair" }, moment(drawn[0], "Before"), at ? moment(drawn[at], `Step ${drawn[at].step}`) : null), drawn.length > 1 ? slider : "");
        if (focused) slider.focus();
    };

    const NOTHING = { stage: "queued", step: 0, steps: 0, trouble: "", curve: { loss: [], measured: [] }, samples: [], recipe: {} };
    const FACTS = { loss: "Loss", held: "Measured on held-out pictures", own: "Measured on the pictures themselves" };
    const MEASURES = [["MSE", 1], ["RMSE", 3], ["MAE", 4], ["R²", 2]];
    const facts = (run) => {
        const found = { ...run.recipe };
        const final = run.curve.measured[run.curve.measured.length - 1];
        for (const [name, at] of MEASURES) if (final && Number.isFinite(final[at])) found[name] = Number(final[at].toFixed(4));
        return Object.entries(found).flatMap(([name, value]) => [make("dt", {}, name), make("dd", { translate: "no" }, String(value))]);
    };
    const show = (run) => {
        if (!place("header")) return;
        place(".empty").hidden = Boolean(run);
        for (const part of ["header", ".acts", ".curve", ".facts", ".samples"]) place(part).hidden = !run;
        place(".trouble").hidden = true;
        if (!run) return;
        place("h3").textContent = run.name;
        const steps = run.steps ? `step ${run.step} of ${run.steps}` : "";
        place(".state").textContent = [WORDS[run.stage] || run.stage, run.stage === "running" ? "" : steps].filter(Boolean).map(easel.translated).join(", ");
        const job = (easel.jobs() || []).find((one) => one.panel === panel.prefix && one.prompt === run.name);
        const trouble = run.trouble || (run.stage !== "done" && !live(run) && job && job.state === "failed" ? job.error : "");
        place(".trouble").hidden = !trouble;
        place(".trouble").textContent = trouble;
        const look = JSON.stringify([run.name, run.stage]);
        if (place(".acts").dataset.look !== look) {
            place(".acts").dataset.look = look;
            place(".acts").replaceChildren(...acts(run));
        }
        const { loss, measured } = run.curve;
        place(".curve").hidden = !loss.length && !measured.length;
        const names = { loss: FACTS.loss, measured: run.held_out ? FACTS.held : FACTS.own };
        const drawn = JSON.stringify([run.name, loss.length, loss[loss.length - 1], measured[measured.length - 1]]);
        if (place(".curve").dataset.look !== drawn) {
            place(".curve").dataset.look = drawn;
            place(".curve").replaceChildren(...easel.curve({ loss, measured, steps: run.steps, names }));
        }
        samples(run);
        place(".facts").replaceChildren(...facts(run));
    };

    const moment = new Intl.DateTimeFormat([], { dateStyle: "short", timeStyle: "short" });
    const rows = new Map();
    const row = (run) => {
        if (!rows.has(run.name)) rows.set(run.name, make("li", {}, make("button", { type: "button", "data-run": run.name, onclick: () => train.watch(run.name) })));
        const found = rows.get(run.name);
        const one = found.firstChild;
        one.dataset.stage = run.stage;
        one.setAttribute("aria-pressed", String(run.name === state.chosen));
        one.replaceChildren(make("b", { translate: "no" }, run.name), make("span", { class: "kind" }, run.kind), make("span", { class: "stage" }, WORDS[run.stage] || run.stage), make("span", { class: "steps" }, run.steps ? `${run.step} / ${run.steps}` : ""), make("span", { class: "when", translate: "no" }, run.changed ? moment.format(run.changed * 1000) : ""));
        return found;
    };
    const list = () => {
        const box = document.querySelector("#train_runs");
        if (!box) return;
        box.querySelector(".none").hidden = state.runs.length > 0;
        easel.arrange(box.querySelector("ul"), state.runs.map(row));
        for (const name of rows.keys()) if (!state.runs.some((run) => run.name === name)) rows.delete(name);
    };

    // One question at a time; again and again only while something is trained and the tab is in sight.
    let timer = 0;
    let asking = null;
    const load = async () => {
        clearTimeout(timer);
        if (asking) {
            asking.again = true;
            return;
        }
        asking = { again: false };
        try {
            state.runs = (await easel.ask("training/runs")).runs;
            if (!state.chosen || !state.runs.some((run) => run.name === state.chosen)) {
                const best = state.runs.find(live) || state.runs[0];
                state.chosen = waited || (best ? best.name : "");
            }
            // A run that could not begin leaves a job that failed, and no folder.
            const job = (easel.jobs() || []).find((one) => one.panel === panel.prefix && one.prompt === waited);
            if (state.runs.some((run) => run.name === waited) || (job && !["running", "queued"].includes(job.state))) waited = "";
            const wish = state.runs.some((run) => run.name === state.chosen) ? state.chosen : "";
            state.detail = wish ? await easel.ask(`training/${train.run(wish)}`) : null;
        } catch { /* the next look may succeed */ }
        const { again } = asking;
        asking = null;
        list();
        show(state.detail || (waited ? { ...NOTHING, name: waited } : null));
        if (again) return load();
        const trained = (easel.jobs() || []).some((job) => job.panel === panel.prefix && ["running", "queued"].includes(job.state));
        if (trained || waited) timer = setTimeout(look, PACE);
    };
    const look = () => {
        if (panel.visible()) load();
        else timer = setTimeout(look, PACE);
    };
    // A run that was just begun may have no folder yet.
    let waited = "";
    train.watch = (name) => {
        if (state.chosen !== name) state.shown = -1;
        state.chosen = name;
        if (!state.runs.some((run) => run.name === name)) waited = name;
        list();
        load();
    };
    // In place of a gallery: jobs of this panel bring their run to sight.
    panel.gallery = {
        job: "",
        open: (job) => {
            panel.gallery.job = job.id;
            if (place("header")) train.watch(job.prompt);
            else state.chosen = job.prompt;
        },
        refresh: (job) => {
            if (job.id !== panel.gallery.job || !place("header")) return;
            if (job.state === "done" && easel.models.all.length) easel.models.load();
            load();
        },
        preview: () => undefined,
        turn: () => undefined,
    };
    // A model's card tells how it was learnt, as long as its run is there; its recipe is in the file itself.
    easel.models.section("Training", async (box, row) => {
        const run = await easel.ask(`training/${train.run(row.name)}`).catch(() => null);
        if (!run) {
            box.append(make("p", { class: "hint" }, "Its run is not here any more. The recipe stands in the metadata."));
            return;
        }
        const { loss, measured } = run.curve;
        const names = { loss: FACTS.loss, measured: run.held_out ? FACTS.held : FACTS.own };
        const place = make("div", { class: "training" },
            run.sheet ? make("figure", {}, make("img", { src: easel.url(run.sheet), alt: "Samples before and after" }), make("figcaption", {}, "Samples before and after")) : "",
            loss.length || measured.length ? make("figure", {}, ...easel.curve({ loss, measured, steps: run.steps, names })) : "",
            make("dl", {}, ...facts(run)));
        box.append(place);
    }, (row, detail) => Boolean(detail.metadata["easel.training"]));

    easel.when("#train_run", () => load());
    easel.when("#tab_train-button", (tab) => tab.addEventListener("click", () => load()));
})();
