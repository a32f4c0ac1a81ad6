// Settings, Import from A1111: looks into a folder of this machine, takes over what is there, and takes it back.
"use strict";
(() => {
    const easel = window.easel;
    const STATES = { taken: "✓ taken", "already so": "= already so", "not taken": "✕ not taken" };

    easel.when("#a1111_import", (place) => {
        const folder = place.querySelector("#a1111_folder");
        const report = place.querySelector(".report");
        const buttons = { look: place.querySelector("#a1111_look"), take: place.querySelector("#a1111_take"), undo: place.querySelector("#a1111_undo") };

        const undoable = (last) => {
            buttons.undo.hidden = !last;
            buttons.undo.title = last;
        };
        const table = (found, title) => {
            const groups = ["taken", "already so", "not taken"].map((state) => [state, found.rows.filter((row) => row.state === state)]);
            const parts = [easel.make("h4", {}, title)];
            for (const [state, rows] of groups) {
                if (!rows.length) continue;
                const lines = rows.map((row) =>
                    easel.make("tr", { class: state.replace(" ", "-") }, easel.make("th", { scope: "row" }, row.name, easel.make("small", {}, row.source)), easel.make("td", {}, row.value, row.note ? easel.make("small", {}, row.note) : null)),
                );
                parts.push(easel.make("details", { open: state === "taken" }, easel.make("summary", {}, `${STATES[state]} (${rows.length})`), easel.make("table", { class: "easel-differs" }, easel.make("tbody", {}, ...lines))));
            }
            if (found.usual) parts.push(easel.make("p", { class: "easel-hint" }, `${found.usual} values that A1111 has by itself are not listed.`));
            report.replaceChildren(...parts);
        };
        const ask = async (what, title) => {
            for (const button of Object.values(buttons)) button.disabled = true;
            try {
                const found = await easel.ask(`a1111/${what}`, { path: folder.value });
                table(found, title);
                undoable(found.last);
            } catch (error) {
                report.replaceChildren(easel.make("p", { class: "easel-trouble", role: "alert" }, error.message));
            } finally {
                for (const button of Object.values(buttons)) button.disabled = false;
            }
        };
        buttons.look.addEventListener("click", () => ask("look", "This would be taken over"));
        buttons.take.addEventListener("click", () => ask("take", "This was taken over. Reload the page to see it; some of it acts at the next start."));
        buttons.undo.addEventListener("click", () => ask("undo", "This was taken back. Reload the page to see it."));
        folder.addEventListener("keydown", (event) => {
            if (event.key === "Enter") ask("look", "This would be taken over");
        });
        easel.ask("a1111").then((found) => {
            undoable(found.last);
            if (found.here) return;
            place.querySelector(".asked").hidden = true;
            report.replaceChildren(easel.make("p", {}, "This can only be done on the machine that Easel runs on: in its browser, or by python launch.py import-a1111 FOLDER."));
        }, () => undefined);
    });
})();
