"use strict";
// The theme: the system's, light or dark; remembered where the browser lets a local file do so.
const theme = (() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const choices = ["system", "light", "dark"];
  const listeners = [];
  let choice = "system";
  try {
    choice = choices.includes(localStorage.getItem("segtrt-theme")) ? localStorage.getItem("segtrt-theme") : "system";
  } catch (error) { /* no storage for this file: the choice lasts as long as the page */ }

  function show(shown) {
    document.documentElement.dataset.theme = shown;
    listeners.forEach((listener) => listener());
  }
  const wanted = () => (choice === "system" ? (dark.matches ? "dark" : "light") : choice);
  document.documentElement.dataset.theme = wanted();
  dark.addEventListener("change", () => show(wanted()));
  window.addEventListener("beforeprint", () => show("light"));
  window.addEventListener("afterprint", () => show(wanted()));

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () => {
      button.textContent = `Theme: ${choice}`;
      button.setAttribute("aria-label", `Colour theme: ${choice}. Change`);
    };
    label();
    button.addEventListener("click", () => {
      choice = choices[(choices.indexOf(choice) + 1) % choices.length];
      try { localStorage.setItem("segtrt-theme", choice); } catch (error) { /* as above */ }
      label();
      show(wanted());
    });
    document.querySelectorAll("[data-copy]").forEach((copier) => {
      copier.addEventListener("click", async () => {
        const source = document.getElementById(copier.dataset.copy);
        try {
          await navigator.clipboard.writeText(source.textContent);
          copier.textContent = "Copied";
        } catch (error) {
          window.getSelection().selectAllChildren(source);
          copier.textContent = "Selected";
        }
      });
    });
  });
  return { changed: (listener) => listeners.push(listener) };
})();
