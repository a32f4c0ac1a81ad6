// The buttons 💾 and 🗃️ below a gallery: copies of pictures in the log folder, as A1111's hand expects them, and all of a job in one file.
"use strict";
(() => {
    const easel = window.easel;

    for (const panel of Object.values(easel.panels)) {
        const tell = (...parts) => {
            const log = easel.byId(`html_log_${panel.prefix}`);
            log.querySelectorAll(".kept").forEach((line) => line.remove());
            log.append(easel.make("p", { class: "kept", role: "status" }, ...parts));
        };
        const keep = async (button, numbers) => {
            const { job } = panel.shown;
            button.disabled = true;
            try {
                return await easel.ask(`jobs/${job}/keep`, numbers ? { numbers } : {});
            } catch (error) {
                easel.say(error.message, "error");
                return null;
            } finally {
                button.disabled = false;
            }
        };
        easel.when(`#save_${panel.prefix}`, (button) =>
            button.addEventListener("click", async () => {
                const found = panel.shown && (await keep(button, [panel.shown.number]));
                if (found) tell(`Saved as ${found.copies[0]}.`);
            }),
        );
        easel.when(`#save_zip_${panel.prefix}`, (button) =>
            button.addEventListener("click", async () => {
                const job = panel.shown && panel.shown.job;
                const found = job && (await keep(button, null));
                if (!found) return;
                tell(found.copies.length === 1 ? `Saved as ${found.copies[0]}.` : `${found.copies.length} pictures saved, ${found.copies[0]} and the following.`);
                easel.make("a", { href: easel.url(`jobs/${job}/zip`), download: "" }).click();
            }),
        );
    }
})();
