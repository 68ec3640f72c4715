"use strict";
// Sorts and filters the engine matrix.
(() => {
  const table = document.getElementById("matrix");
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  const rows = Array.from(body.rows);
  const field = (name) => document.getElementById(`filter-${name}`);
  const choices = ["machine", "runtime", "batch", "precision", "verdict"].filter(field);

  function sortBy(head) {
    const column = heads.indexOf(head);
    const numeric = head.dataset.kind === "number";
    const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => row.cells[column].dataset.value;
    rows.sort((first, second) => {
      const [a, b] = [key(first), key(second)];
      if (a === "" || b === "") return (a === "") - (b === ""); // missing figures stay below
      return sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b));
    });
    body.append(...rows);
  }
  heads.forEach((head) => head.querySelector("button").addEventListener("click", () => sortBy(head)));

  function filter() {
    const words = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = `${row.dataset.engine} ${row.cells[0].textContent} ${row.querySelector(".verdict").textContent}`.toLowerCase();
      const fits = choices.every((name) => !field(name).value || field(name).value === row.dataset[name])
        && words.every((word) => text.includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    document.getElementById("filter-count").textContent =
      shown === rows.length ? `${shown} engines` : `${shown} of ${rows.length} engines`;
  }
  const form = document.getElementById("filters");
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
})();
