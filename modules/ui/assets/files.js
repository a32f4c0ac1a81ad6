// Files dropped or pasted on the prompts and on PNG Info, and how a file gets into an upload field of Gradio's.
"use strict";
(() => {
    const easel = window.easel;

    // A hidden upload field of Gradio's carries them to the server.
    const hand = async (id, file) => {
        for (let tries = 0; tries < 40; tries += 1) {
            const input = document.querySelector(`#${id} input[type="file"]`);
            if (input) {
                const carrier = new DataTransfer();
                carrier.items.add(file);
                input.files = carrier.files;
                input.dispatchEvent(new Event("change", { bubbles: true }));
                return;
            }
            await new Promise((done) => setTimeout(done, 50));
        }
        easel.say("The file could not be handed over: the file before it is still being read. Try again in a moment; if that does not help, reload the page.", "error");
    };
    easel.hand = hand;

    const fileOf = async (data) => {
        if (data.files && data.files.length) return data.files[0];
        const link = (data.getData("text/uri-list") || "").split("\n")[0];
        if (!link) return null;
        const address = new URL(link, location.href);
        if (address.origin !== location.origin) return null;
        const answer = await fetch(address);
        return answer.ok ? new File([await answer.blob()], decodeURIComponent(address.pathname.split("/").pop())) : null;
    };

    const take = async (data, target) => {
        if (target.takeAll && data.files.length) {
            target.takeAll([...data.files]);
            return;
        }
        const file = await fileOf(data);
        if (!file) return;
        if (typeof target !== "string") {
            target.take(file);
            return;
        }
        if (target !== "pnginfo_file" && /^text\/|\.txt$/.test(file.type || file.name)) {
            const panel = easel.panels[target.replace(/_drop$/, "")];
            easel.put(panel.box("prompt"), await file.text());
            panel.paste().click();
        } else {
            hand(target, file);
        }
    };

    // Selector -> the upload field, or the canvas, that takes what is dropped there.
    const zones = [["#pnginfo_zone", () => "pnginfo_file"], [".easel-batch", (element) => element.batch], ["#train_set", () => easel.train.set], [".easel-canvas", (element) => easel.canvasOf(element)], [".easel-prompt", (element) => `${easel.panelOf(element).prefix}_drop`]];
    const carries = (data) => data && (data.types.includes("Files") || data.types.includes("text/uri-list"));
    const zoneOf = (event) => {
        if (!(event.target instanceof Element)) return null;
        for (const [selector, target] of zones) {
            const element = event.target.closest(selector);
            if (element) return { element, target: target(element) };
        }
        return null;
    };
    let lit = null;
    const light = (element) => {
        if (lit && lit !== element) lit.classList.remove("dropping");
        if (element) element.classList.add("dropping");
        lit = element;
    };
    document.addEventListener("dragover", (event) => {
        if (!carries(event.dataTransfer)) return;
        const zone = zoneOf(event);
        light(zone && zone.element);
        // A picture that misses the zone must not replace the page.
        if (zone || event.dataTransfer.types.includes("Files")) event.preventDefault();
    }, true);
    document.addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) light(null);
    });
    document.addEventListener("drop", (event) => {
        light(null);
        if (!carries(event.dataTransfer)) return;
        const zone = zoneOf(event);
        if (zone || event.dataTransfer.types.includes("Files")) event.preventDefault();
        if (zone) {
            event.stopPropagation();
            take(event.dataTransfer, zone.target);
        }
    }, true);
    document.addEventListener("paste", (event) => {
        const data = event.clipboardData;
        if (!data || !data.files.length || data.types.includes("text/plain")) return;
        const shown = easel.byId("pnginfo_zone");
        const canvas = easel.canvasInSight();
        const zone = shown && shown.offsetParent !== null ? { target: "pnginfo_file" } : canvas ? { target: canvas } : zoneOf(event);
        if (zone) {
            event.preventDefault();
            take(data, zone.target);
        }
    }, true);
    easel.when("#pnginfo_zone", (zone) => {
        // While a file is being read, the field is not there.
        const choose = () => document.querySelector('#pnginfo_file input[type="file"]')?.click();
        zone.addEventListener("click", choose);
        zone.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                choose();
            }
        });
    });
    let address = "";
    document.addEventListener("change", (event) => {
        if (!(event.target instanceof HTMLInputElement) || !event.target.closest("#pnginfo_file") || !event.target.files.length) return;
        const zone = easel.byId("pnginfo_zone");
        easel.dropped = event.target.files[0];
        document.querySelectorAll(".easel-sends").forEach((row) => row.removeAttribute("inert"));
        if (address) URL.revokeObjectURL(address);
        address = URL.createObjectURL(event.target.files[0]);
        const picture = easel.make("img", { src: address, alt: event.target.files[0].name });
        picture.addEventListener("error", () => picture.remove());
        zone.querySelectorAll("img").forEach((old) => old.remove());
        zone.prepend(picture);
    }, true);

    // Gradio ties the label of a box with a copy button to nothing.
    easel.when("#pnginfo_text textarea", (area) => {
        const label = area.closest(".block").querySelector('[data-testid="block-info"]');
        if (label) area.setAttribute("aria-label", label.textContent.trim());
    });
})();
