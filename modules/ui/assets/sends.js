// "Send to": a picture, by its reference, to where it is worked on further (ui/sends.py). A target is one function here and one row there.
"use strict";
(() => {
    const easel = window.easel;

    // The form of a panel takes the parameters over; the server reads them from the picture's own file.
    const parameters = (prefix, target, picture) => {
        easel.sending = { target, ...picture };
        easel.panels[prefix].part("receive").click();
    };
    const edited = (target) => async (picture) => {
        parameters("img2img", target, picture);
        easel.studio.choose(target);
        await easel.studio.load(target, picture.reference);
    };

    // Name -> what it does with {reference, width, height} of a picture.
    easel.targets = {
        txt2img: (picture) => {
            parameters("txt2img", "txt2img", picture);
            easel.openTab("tab_txt2img");
        },
        img2img: edited("img2img"),
        inpaint: edited("inpaint"),
        extras: (picture) => easel.extras.load(picture.reference),
    };

    // bring(): -> {reference, width, height} of the picture that is meant.
    easel.send = async (target, bring) => {
        if (!easel.byId(`tab_${target}-button`)) return easel.openTab(`tab_${target}`);
        try {
            await easel.targets[target](await bring());
        } catch (error) {
            easel.say(error.message, "error", "Not sent");
        }
    };

    easel.when(".easel-buttons .easel-send", (button) => {
        const panel = easel.panelOf(button);
        button.addEventListener("click", () => {
            const { job, number } = panel.shown;
            easel.send(button.dataset.target, () => easel.ask("inputs/from-job", { job, number }));
        });
    });
    // From PNG Info: the very file that was dropped there.
    easel.when("#pnginfo_left .easel-send", (button) => {
        button.addEventListener("click", () => easel.send(button.dataset.target, () => easel.upload(easel.dropped)));
    });
})();
