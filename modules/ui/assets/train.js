// The tab Train (ui/train.py): what is asked of the server with the form's values, and how the tab stands among the panels.
"use strict";
(() => {
    const easel = window.easel;
    const { make } = easel;
    const panel = easel.panels.train;
    const train = { panel, look: null };
    easel.train = train;
    panel.countSoon = () => undefined; // there is no prompt whose tokens could be counted

    // Answers, and says what went wrong. -> undefined then.
    train.ask = async (path, body) => {
        try {
            return await easel.ask(`training/${path}`, body);
        } catch (error) {
            easel.say(error.message, "error", error.title || "This did not work");
            return undefined;
        }
    };
    train.run = (name) => `runs/${encodeURIComponent(name)}`;

    // The form as it is now, and the pictures that are shown.
    const meant = async () => {
        await panel.gather();
        await train.set.saved();
        return { values: panel.values, set: train.set.name };
    };

    easel.when("#train_generate", (button) => {
        let sending = false;
        button.addEventListener("click", async () => {
            if (sending) return;
            sending = true;
            try {
                const begun = await train.ask("begin", await meant());
                if (!begun) return;
                easel.submitted(begun.job, panel.prefix);
                train.watch(begun.name);
            } finally {
                sending = false;
            }
        });
    });

    // A look at the pictures first.
    const line = (finding) => make("li", { class: finding.stops ? "stops" : "" },
        make("span", { class: "what" }, finding.what), finding.files.length ? make("span", { class: "files", translate: "no" }, finding.files.join(", ")) : null, make("span", { class: "remedy" }, finding.remedy));
    easel.when("#train_look", (button) => button.addEventListener("click", async () => {
        const place = button.parentElement;
        const said = place.querySelector(".said");
        const found = place.querySelector(".found");
        button.disabled = true;
        said.textContent = "Looking at the pictures …";
        const answer = await train.ask("look", await meant());
        button.disabled = false;
        said.textContent = answer ? (answer.findings.length ? `${answer.usable} pictures can be trained on, ${answer.captioned} of them with captions.` : `All is well: ${answer.usable} pictures, ${answer.captioned} of them with captions.`) : "";
        found.hidden = !answer;
        if (!answer) return;
        found.replaceChildren(
            ...[answer.findings.length ? make("ul", {}, ...answer.findings.map(line)) : null,
                answer.sheet ? make("figure", {}, make("img", { src: answer.sheet, alt: "What the model will see: each picture as it is cut, with its size and its words" }), make("figcaption", {}, "What the model will see: each picture as it is cut, with its size and its words")) : null].filter(Boolean));
    }));
})();
