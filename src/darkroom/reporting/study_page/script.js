"use strict";
const rows = new Map([...document.querySelectorAll("tbody tr")].map(row => [row.dataset.trial, row]));
const heads = [...document.querySelectorAll("th")].map(head => head.textContent);
const details = document.getElementById("trial-details"), hint = details.textContent;
let chosen = null;

// Marks a trial in every chart and in the table, and shows its values; null marks none.
function mark(trial) {
  if (trial === chosen) return;
  for (const old of document.querySelectorAll(".marked")) old.classList.remove("marked");
  chosen = trial;
  if (trial === null) { details.textContent = hint; return; }
  for (const shape of document.querySelectorAll(`[data-trial="${trial}"]:not(.hit)`)) shape.classList.add("marked");
  const cells = [...rows.get(trial).cells].map(cell => cell.textContent);
  details.textContent = heads.map((head, place) => [head, cells[place]]).filter(pair => pair[1])
    .map(pair => pair.join(" ")).join(" · ");
}
document.addEventListener("pointerover", event => {
  const shape = event.target.closest("[data-trial]");
  mark(shape ? shape.dataset.trial : null);
});
document.addEventListener("focusin", event => {
  const row = event.target.closest("tr[data-trial]");
  if (row) mark(row.dataset.trial);
});
document.getElementById("pruned").addEventListener("change", event => {
  document.body.classList.toggle("hide-pruned", !event.target.checked);
});
document.querySelectorAll("th button").forEach((button, place) => button.addEventListener("click", () => {
  const body = document.querySelector("tbody"), head = button.parentElement;
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  for (const other of document.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const key = row => row.cells[place].dataset.value ?? "";
  const number = [...rows.values()].every(row => key(row) === "" || !isNaN(key(row)));
  const sorted = [...rows.values()].sort((one, other) => {
    const a = key(one), b = key(other);
    if (a === "" || b === "") return (a === "") - (b === "");
    return (number ? a - b : a.localeCompare(b)) * (ascending ? 1 : -1);
  });
  body.append(...sorted);
}));
