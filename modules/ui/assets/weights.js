// The button at a prompt that shows its tokens, the weight of each, and what A1111's rule and compel's make of it (ui/weights.py).
"use strict";
(() => {
    const easel = window.easel;
    const { make } = easel;
    const PAUSE = 1500;
    const RULES = {
        Original: "A1111’s rule, “Original”, is in use.",
        "No norm": "“No norm” is in use: A1111’s rule without restoring the mean, so that each weight acts as it is written.",
        Ignore: "“Ignore” is in use: brackets are read, and their weights do nothing.",
        None: "“None” is in use: brackets are text, so nothing is weighed.",
        compel: "compel’s rule is in use.",
    };
    const A1111 = "A1111: each vector is multiplied by its weight, then all of them by one number, so that their mean stays as it was. × is both together.";
    const COMPEL =
        "compel: × is how far the vector lies from the empty prompt’s, compared with the unweighted one. Below weight 1 the whole chunk is also mixed with what it would be without these words; “left out” is how much of the mixture that is.";
    const CHANGE = "Bar and %: how far the token’s vector ends up from the unweighted one, as a share of its length.";

    const close = () => dialog.close();
    const state = make("p", { class: "state", role: "status" });
    const body = make("div", { class: "body", tabindex: "0" });
    const dialog = make(
        "dialog",
        { id: "easel_weights", "aria-label": "Tokens and weights" },
        make("div", { class: "head" }, make("h2", {}, "Tokens and weights"), make("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×")),
        state,
        body,
        make("details", {}, make("summary", {}, "What the columns say"), make("p", {}, A1111), make("p", {}, COMPEL), make("p", {}, CHANGE)),
    );
    dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });

    const number = (value, digits = 2) => String(Number(value.toFixed(digits)));
    const percent = (share) => (share > 0 && share < 0.005 ? "<1 %" : `${Math.round(share * 100)} %`);
    const changed = (change) => (change === null ? null : make("span", { class: "change" }, make("i", { style: `--change: ${Math.min(change, 1)}` }), make("span", {}, percent(change))));
    const original = ({ factor, change }) => [make("span", { class: "rate" }, factor === null ? "…" : `×${number(factor)}`), changed(change)];
    const compel = ({ scale, share, change }) => [make("span", { class: "rate" }, `×${number(scale)}${share ? `, ${percent(share)} left out` : ""}`), changed(change)];

    const row = (token) =>
        make(
            "tr",
            { class: token.weight === 1 ? null : "weighed" },
            make("th", { scope: "row" }, make("span", { class: token.embedding ? "embedding" : "token" }, token.text), token.ends_word ? null : make("span", { class: "goes-on", title: "The word goes on in the next token" }, "…")),
            make("td", {}, number(token.weight, 3)),
            make("td", { "data-rule": "Original" }, ...original(token.original)),
            make("td", { "data-rule": "compel" }, ...compel(token.compel)),
        );
    const table = (chunk, index, of) => {
        const caption = `${of > 1 ? `Chunk ${index + 1} of ${of}: ` : ""}${chunk.tokens.length} of 75 tokens`;
        if (!chunk.tokens.length) return make("p", { class: "caption" }, `${caption}, so the model is given the empty text.`);
        const names = ["Token", "Weight", "A1111", "compel"].map((name) => make("th", { scope: "col" }, name));
        return make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, ...names)), make("tbody", {}, ...chunk.tokens.map(row)));
    };
    const spans = (calls) => calls.slice(0, 6).map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)).join(", ") + (calls.length > 6 ? " …" : "");
    const part = (found, index, all, calls) => [
        all.length > 1 ? make("h4", {}, `Part ${index + 1} of ${all.length}, weight ${number(found.weight)}`) : null,
        ...found.texts.flatMap((text) => [
            found.texts.length > 1 ? make("p", { class: "moment" }, make("b", {}, `At model calls ${spans(text.calls)} of ${calls}: `), text.text) : null,
            ...text.chunks.map((chunk, place) => table(chunk, place, text.chunks.length)),
        ]),
    ];
    const show = (found) => {
        const section = (title, parts) => make("section", {}, make("h3", {}, title), ...parts.flatMap((one, index) => part(one, index, parts, found.calls)));
        const top = body.scrollTop;
        body.dataset.rule = found.emphasis;
        body.replaceChildren(make("p", { class: "rule" }, RULES[found.emphasis] || ""), section("Prompt", found.prompt), section("Negative prompt", found.negative_prompt));
        body.scrollTop = top;
    };

    // What was asked last; an answer to anything else comes too late.
    let asked = 0;
    const busy = () => (easel.jobs ? easel.jobs() || [] : []).some((job) => ["running", "queued"].includes(job.state));
    const look = async (question) => {
        const own = (asked += 1);
        const late = () => own !== asked || !dialog.open;
        state.className = "state";
        state.textContent = "Reading …";
        body.replaceChildren();
        try {
            const read = await easel.ask("prompt", { ...question, measure: false });
            if (late()) return;
            show(read);
            for (;;) {
                state.textContent = "Measuring what the weights do …";
                const found = await easel.ask("prompt", { ...question, measure: true });
                if (late()) return;
                if (found.measured) {
                    show(found);
                    state.textContent = "Measured with the text encoder of the chosen checkpoint, without LoRAs.";
                    return;
                }
                state.textContent = found.why;
                do await new Promise((resolve) => setTimeout(resolve, PAUSE)); while (!late() && busy());
                if (late()) return;
            }
        } catch (error) {
            if (late()) return;
            state.className = "state error";
            state.textContent = error.message;
        }
    };

    easel.when(".easel-counter .weights", (button) =>
        button.addEventListener("click", async () => {
            const panel = easel.panelOf(button);
            const text = (name) => (panel.box(name) || {}).value || "";
            document.body.append(dialog);
            dialog.showModal();
            await panel.gather();
            look({ prompt: text("prompt"), negative_prompt: text("neg_prompt"), model: easel.model(), values: panel.values });
        }),
    );
})();
