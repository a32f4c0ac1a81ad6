// The tab Settings: one section at a time, or what a search finds. Knows no setting.
"use strict";
(() => {
    const easel = window.easel;
    const KEY = "easel-settings-section";

    // The tab that a person wants first, once the page has what the others hand pictures to.
    let opened = false;
    easel.when("#tabs [role=tab]", () => {
        const button = easel.byId(`${easel.opens}-button`);
        if (opened || !button) return;
        opened = true;
        if (button.getAttribute("aria-selected") !== "true") button.click();
    });

    easel.when("#settings_nav", (nav) => {
        const search = nav.querySelector("#settings_search");
        const found = nav.querySelector("#settings_found");
        const buttons = [...nav.querySelectorAll("button[data-section]")];
        const sections = () => [...document.querySelectorAll("#settings_sections .easel-section")];

        // A setting is found by its label, its hint, and the name by which A1111's users know it.
        const text = (row) => {
            const id = (row.querySelector("[id^=setting_]") || {}).id || "";
            return `${row.textContent} ${id.replace(/^setting_/, "")}`.toLowerCase();
        };
        const show = (chosen) => {
            for (const section of sections()) {
                section.classList.toggle("away", chosen !== "settings_" && section.id !== chosen);
                section.querySelectorAll(".away").forEach((row) => row.classList.remove("away"));
            }
            buttons.forEach((button) => button.setAttribute("aria-current", button.dataset.section === chosen ? "true" : "false"));
            found.textContent = "";
            sessionStorage.setItem(KEY, chosen);
        };
        const seek = () => {
            const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
            if (!words.length) {
                show(sessionStorage.getItem(KEY) || buttons[0].dataset.section);
                return;
            }
            let count = 0;
            for (const section of sections()) {
                let any = false;
                const title = section.querySelector("h3").textContent.toLowerCase();
                const rows = [...section.querySelectorAll(".easel-setting")];
                for (const row of rows) {
                    const fits = words.every((word) => text(row).includes(word) || title.includes(word));
                    row.classList.toggle("away", !fits);
                    any = any || fits;
                    count += fits;
                }
                if (!rows.length) {
                    any = words.every((word) => section.textContent.toLowerCase().includes(word));
                    count += any;
                }
                section.classList.toggle("away", !any);
            }
            buttons.forEach((button) => button.setAttribute("aria-current", "false"));
            found.textContent = count ? `${count} found` : "Nothing is called that.";
        };
        buttons.forEach((button) =>
            button.addEventListener("click", () => {
                search.value = "";
                show(button.dataset.section);
            }),
        );
        search.addEventListener("input", seek);
        search.addEventListener("keydown", (event) => {
            if (event.key !== "Escape") return;
            search.value = "";
            seek();
            event.stopPropagation();
        });
        seek();
    });
})();
