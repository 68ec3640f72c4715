"use strict";
// The gallery of images with their outlines, and the dialog that enlarges one and pages.
(() => {
  const overlays = JSON.parse(document.getElementById("overlays").textContent);
  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  const select = document.getElementById("images-engine");
  const viewer = document.getElementById("viewer");
  const part = (name) => document.getElementById(`viewer-${name}`);
  const roles = { best: "Best", median: "Median", worst: "Worst", more: "Next worst" };
  const { metric, reference } = overlays;
  const several = overlays.classes.length > 1;
  const svg = "http://www.w3.org/2000/svg";
  let paged = { keys: [], at: 0, opener: null };

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  }

  function picture(key, label) {
    const view = overlays.views[key];
    const drawing = document.createElementNS(svg, "svg");
    drawing.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
    drawing.setAttribute("class", "slice");
    if (label) {
      drawing.setAttribute("role", "img");
      drawing.setAttribute("aria-label", label);
    } else {
      drawing.setAttribute("aria-hidden", "true");
    }
    const image = document.createElementNS(svg, "image");
    image.setAttribute("href", view.image);
    image.setAttribute("width", view.width);
    image.setAttribute("height", view.height);
    image.setAttribute("preserveAspectRatio", "none");
    drawing.append(image);
    const outlines = { truth: view.truth || {}, reference: view.reference, engine: overlays.engines[select.value].outlines[key] || {} };
    for (const [layer, classes] of Object.entries(outlines)) {
      for (const [label, outline] of Object.entries(classes)) {
        const path = document.createElementNS(svg, "path");
        path.setAttribute("class", several ? `${layer} class-${(label - 1) % 8}` : layer);
        path.setAttribute("d", outline);
        drawing.append(path);
      }
    }
    return drawing;
  }

  const place = (view) => view.plane === null ? (view.item === view.subject ? "image" : view.item) : `slice ${view.plane}`;

  const describe = (key) => {
    const view = overlays.views[key];
    const parts = [view.subject];
    if (view.item !== view.subject) parts.push(view.item);
    if (view.plane !== null) parts.push(`slice ${view.plane}`);
    const lacks = view.truth && !Object.keys(view.truth).length ? ", nothing there" : "";
    return `${parts.join(", ")}${view.split === "calibration" ? " (calibration)" : ""}${lacks}`;
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

  const figure = (value) => value === null ? "no figure" : `${metric.title} ${value.toFixed(4)}${metric.unit && " "}${metric.unit}`;

  function show() {
    const engine = overlays.engines[select.value];
    const strips = engine.subjects.filter((one) => one.views.length).map((one) => strip(
      `${roles[one.role]}: ${one.subject}`,
      overlays.has_truth ? `${figure(one.figure)}, ${reference}: ${figure(one.reference_figure)}` : `Agreement with ${reference}: ${figure(one.agreement)}`,
      one.views, one.views.map((key) => place(overlays.views[key]))));
    if (engine.differs.length) {
      const keys = engine.differs.map((one) => one.view);
      strips.push(strip(`Where it differs most from ${reference}`, "Images and slices with the most flipped pixels of all subjects",
        keys, engine.differs.map((one) => `${describe(one.view)}: ${one.flipped_pixels} pixels`)));
    } else {
      strips.push(element("p", { class: "card" }, `No pixel of any image differs from the labels of ${reference}.`));
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
