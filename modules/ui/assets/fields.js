// Boxes and sliders wherever they stand: hints, and numbers beyond a slider's end.
"use strict";
(() => {
    const easel = window.easel;

    // Hints are tooltips too, and are read out with their box.
    easel.when(".easel-settings .info-text", (hint) => {
        const block = hint.closest(".block");
        const say = () => {
            if (!block.classList.contains("easel-lacking")) block.title = hint.textContent.trim();
            block.querySelectorAll("input").forEach((input) => input.setAttribute("aria-description", hint.textContent.trim()));
        };
        say();
        new MutationObserver(say).observe(hint, { characterData: true, childList: true, subtree: true });  // what lacks a file says so until it is there
    });

    // Accordions say whether they are open.
    easel.when(".gr-accordion > button.label-wrap", (button) => {
        const content = button.parentElement.querySelector('[data-testid="accordion-content"]');
        const say = () => button.setAttribute("aria-expanded", String(Boolean(content) && content.style.display !== "none"));
        say();
        if (content) new MutationObserver(say).observe(content, { attributes: true, attributeFilter: ["style"] });
    });

    // Gradio brings a slider's number back to the slider's end when its box is left. Where the parameter goes further the number stays; elsewhere the change is said.
    document.addEventListener("blur", (event) => {
        const input = event.target;
        if (!(input instanceof HTMLInputElement) || input.type !== "number" || input.value === "") return;
        const block = input.closest(".block:has(input[type='range'])");
        if (!block) return;
        const [value, least, most] = [input.value, input.min, input.max].map(Number);
        if (value > most && block.classList.contains("easel-further")) {
            event.stopImmediatePropagation();
        } else if (value > most || value < least) {
            const label = (block.querySelector('[data-testid="block-info"]') || {}).textContent || "";
            const [limit, word] = value > most ? [most, "most"] : [least, "least"];
            easel.say(`${value} was changed to ${limit}, the ${word} that is possible here.`, "note", label.trim());
        }
    }, true);
})();
