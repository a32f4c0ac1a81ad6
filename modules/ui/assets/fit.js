// A line under the sizes that says when a picture will be short of memory, and what will be done about it (ui/fit.py). Quiet where it fits with room.
"use strict";
(() => {
    const easel = window.easel;
    const PAUSE = 700;
    const BOXES = ["width", "height", "batch_size"];
    for (const panel of Object.values(easel.panels)) {
        let pause = 0;
        let asked = "";
        easel.when(`#${panel.prefix}_dimensions`, (row) => {
            const line = document.createElement("p");
            line.className = "easel-fit";
            line.setAttribute("role", "status");
            row.after(line);
            const look = async () => {
                if (!panel.visible()) return;
                const boxes = Object.fromEntries(BOXES.map((name) => [name, panel.number(name)]).filter(([, box]) => box).map(([name, box]) => [name, box.value]));
                const wanted = JSON.stringify({ model: easel.model(), values: { ...panel.values, ...boxes } });
                if (wanted === asked) return;
                asked = wanted;
                try {
                    const { verdict, sentences } = await easel.ask("fit", JSON.parse(wanted));
                    if (wanted !== asked) return;
                    line.dataset.verdict = verdict;
                    line.replaceChildren(...sentences.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
                } catch {
                    line.replaceChildren();
                    asked = "";
                }
            };
            const soon = () => {
                clearTimeout(pause);
                pause = setTimeout(look, PAUSE);
            };
            // A hires fix and the like stand elsewhere in the panel; the checkpoint in the header.
            document.addEventListener("change", () => panel.visible() && panel.gather().then(soon));
            document.addEventListener("input", (event) => event.target.closest(`#${panel.prefix}_dimensions`) && soon());
            easel.when(`#${panel.prefix}_dimensions input`, soon);
            let model = "";
            setInterval(() => {
                const now = easel.model();
                if (now && now !== model && panel.visible()) {
                    model = now;
                    soon();
                }
            }, 1000);
        });
    }
})();
