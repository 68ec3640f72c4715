"use strict";
// The gallery of slices with their outlines, and the dialog that enlarges one and pages.
(() => {
  const overlays = JSON.parse(document.getElementById("overlays").textContent);
  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  const select = document.getElementById("images-engine");
  const viewer = document.getElementById("viewer");
  const part = (name) => document.getElementById(`viewer-${name}`);
  const roles = { best: "Best", median: "Median", worst: "Worst", more: "Next worst" };
  const svg = "http://www.w3.org/2000/svg";
  let paged = { keys: [], at: 0, opener: null };

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  }

  function picture(key, label) {
    const slice = overlays.slices[key];
    const drawing = document.createElementNS(svg, "svg");
    drawing.setAttribute("viewBox", "0 0 512 512");
    drawing.setAttribute("class", "slice");
    if (label) {
      drawing.setAttribute("role", "img");
      drawing.setAttribute("aria-label", label);
    } else {
      drawing.setAttribute("aria-hidden", "true");
    }
    const image = document.createElementNS(svg, "image");
    image.setAttribute("href", slice.image);
    image.setAttribute("width", "512");
    image.setAttribute("height", "512");
    drawing.append(image);
    const outlines = { truth: slice.truth, reference: slice.reference, engine: overlays.engines[select.value].outlines[key] };
    for (const [layer, outline] of Object.entries(outlines)) {
      if (!outline) continue;
      const path = document.createElementNS(svg, "path");
      path.setAttribute("class", layer);
      path.setAttribute("d", outline);
      drawing.append(path);
    }
    return drawing;
  }

  const describe = (key) => {
    const slice = overlays.slices[key];
    const lacks = slice.truth ? "" : ", no lesion";
    return `${slice.subject}, slice ${slice.number}${slice.split === "calibration" ? " (calibration)" : ""}${lacks}`;
  };

  function strip(title, detail, keys, captions) {
    const items = keys.map((key, at) => {
      const button = element("button", { type: "button", class: "thumb", "aria-label": `Enlarge ${describe(key)}: ${captions[at]}` },
        picture(key), element("span", {}, captions[at]));
      button.addEventListener("click", () => open(keys, at, button));
      return element("li", {}, button);
    });
    return element("div", { class: "strip card" }, element("h3", {}, title),
      element("p", { class: "muted" }, detail), element("ul", {}, ...items));
  }

  function show() {
    const engine = overlays.engines[select.value];
    const strips = engine.subjects.filter((one) => one.slices.length).map((one) => strip(
      `${roles[one.role]}: ${one.subject}`,
      `Dice ${one.dice.toFixed(4)}, PyTorch ${one.reference_dice.toFixed(4)}`,
      one.slices, one.slices.map((key) => `slice ${overlays.slices[key].number}`)));
    if (engine.differs.length) {
      const keys = engine.differs.map((one) => one.slice);
      strips.push(strip("Where it differs most from PyTorch", "Slices with the most flipped pixels of all subjects",
        keys, engine.differs.map((one) => `${describe(one.slice)}: ${one.flipped_pixels} pixels`)));
    } else {
      strips.push(element("p", { class: "card" }, "No pixel of any slice differs from PyTorch's masks."));
    }
    gallery.replaceChildren(...strips);
  }

  function turn(step) {
    const at = paged.at + step;
    if (at < 0 || at >= paged.keys.length) return;
    paged.at = at;
    const key = paged.keys[at];
    part("title").textContent = describe(key);
    part("picture").replaceChildren(picture(key, `${describe(key)}, with outlines, on ${select.value}`));
    part("place").textContent = `${at + 1} of ${paged.keys.length}`;
    part("previous").disabled = at === 0;
    part("next").disabled = at === paged.keys.length - 1;
  }

  function open(keys, at, opener) {
    paged = { keys, at, opener };
    turn(0);
    viewer.showModal();
    part("close").focus();
  }

  part("previous").addEventListener("click", () => turn(-1));
  part("next").addEventListener("click", () => turn(1));
  part("close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
  viewer.addEventListener("close", () => paged.opener && paged.opener.focus());
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
  });
  document.querySelectorAll("[data-layer]").forEach((box) => box.addEventListener("change", () => {
    document.body.classList.toggle(`no-${box.dataset.layer}`, !box.checked);
  }));
  select.addEventListener("change", show);
  show();
})();
