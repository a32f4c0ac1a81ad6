// What can be done with the shown picture besides saving it as it is (ui/finished.py): drawn larger, saved with its inputs, saved without metadata.
"use strict";
(() => {
    const easel = window.easel;

    // Fetched first, so that what went wrong is said here and not in a file of that name.
    const save = async (panel, what, button) => {
        const picture = panel.shown;
        if (!picture || button.disabled) return;
        button.disabled = true;
        try {
            const answer = await fetch(easel.url(`jobs/${picture.job}/copies/${picture.number}/${what}`), { headers: { accept: "image/*, application/json" } });
            if (!answer.ok) {
                const found = await answer.json().catch(() => ({}));
                throw new Error([found.detail || `The server answered ${answer.status}.`, found.remedy || ""].join(" ").trim());
            }
            const named = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("content-disposition") || "");
            const address = URL.createObjectURL(await answer.blob());
            const link = easel.make("a", { href: address, download: named ? decodeURIComponent(named[1]) : picture.name });
            link.click();
            setTimeout(() => URL.revokeObjectURL(address), 60000);
        } catch (error) {
            easel.say(error.message, "error", "This did not work");
        }
        button.disabled = false;
    };

    for (const panel of Object.values(easel.panels)) {
        const { prefix } = panel;
        for (const [name, what] of [["save_with_inputs", "with-inputs"], ["save_clean", "clean"]]) {
            easel.when(`#${prefix}_${name}`, (button) => button.addEventListener("click", () => save(panel, what, button)));
        }
        // Which picture is meant, for the handler that draws it larger; the form's values travel with it.
        panel.named = () => panel.shown ? JSON.stringify({ job: panel.shown.job, number: panel.shown.number }) : "";
        easel.when(`#${prefix}_upscale`, (button) => button.addEventListener("click", () => easel.byId(`${prefix}_upscale_go`).click()));
    }
})();
