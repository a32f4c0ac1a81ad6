// A menu of sizes that suit the chosen checkpoint (ui/sizes.py), at the button beside width and height.
"use strict";
(() => {
    const easel = window.easel;
    for (const panel of Object.values(easel.panels)) {
        easel.when(`#${panel.prefix}_size_menu`, (button) => {
            button.setAttribute("aria-haspopup", "menu");
            button.addEventListener("click", async (event) => {
                const { sizes } = await easel.ask("sizes", { model: easel.model() });
                if (!sizes.length) {
                    easel.say("There are no usual sizes known for this checkpoint.");
                    return;
                }
                const take = (width, height) => () => {
                    easel.put(panel.number("width"), String(width));
                    easel.put(panel.number("height"), String(height));
                };
                easel.choose(button, sizes.map(([width, height, shape]) => [`${width} × ${height} (${shape})`, take(width, height)]), { clientX: event.clientX, clientY: event.clientY, currentTarget: button });
            });
        });
    }
})();
