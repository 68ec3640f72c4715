"use strict";
// Draws the charts; strings that begin with "--" are colours of the style sheet.
(() => {
  const specs = JSON.parse(document.getElementById("chart-specs").textContent);
  const plots = Array.from(document.querySelectorAll("[data-chart]"));
  const printed = { width: 980, height: 520 }; // a chart fits on a page, A4 across
  let printing = false;

  function coloured(value, style) {
    if (typeof value === "string") {
      return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) return value.map((entry) => coloured(entry, style));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, coloured(entry, style)]));
    }
    return value;
  }

  function draw(plot) {
    const style = getComputedStyle(document.documentElement);
    const { data, layout } = coloured(specs[plot.dataset.chart], style);
    const width = printing ? printed.width : plot.clientWidth;
    const narrow = width < 520;
    layout.width = width;
    if (printing) layout.height = Math.min(layout.height, printed.height);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: style.getPropertyValue("--raised").trim(), font: { color: layout.font.color } };
    if (narrow) {
      layout.font.size = 10;
      layout.margin = { ...layout.margin, l: 40, r: 8 };
      layout.legend = { ...layout.legend, font: { size: 9 } };
    }
    return Plotly.react(plot, data, layout, { displayModeBar: false, displaylogo: false });
  }
  const drawAll = () => plots.map(draw);

  let waiting = 0;
  let last = window.innerWidth;
  window.addEventListener("resize", () => {
    if (printing || window.innerWidth === last) return;
    last = window.innerWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(drawAll);
  });
  window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
  window.addEventListener("afterprint", () => { printing = false; drawAll(); });
  theme.changed(drawAll);
  Promise.all(drawAll()).then(() => { document.documentElement.dataset.charts = "drawn"; });
})();
