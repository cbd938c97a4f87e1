// The list of classes with a bar each.
import { MOST_CLASSES } from "./api.js";
import { byId, element } from "./dom.js";
import { percent } from "./format.js";
import { state } from "./state.js";
import { hasThresholds, thresholdSlider } from "./thresholds.js";

// Show `classes` in their order. A class that was there keeps its bar, which grows or shrinks from where it
// is. With `onSelect` each class is a radio button that calls it with the class's name; `selected` is the
// index of the checked one.
export function showBars(classes, { onSelect = null, selected = 0 } = {}) {
  const list = byId("bars");
  const focused = list.contains(document.activeElement) && document.activeElement;
  const before = new Map([...list.children].map((item) => [item.dataset.name, item]));
  const items = classes.map(({ class: name, probability, decision, uncertain }, index) => {
    const item = before.get(name) || bar(name);
    item.querySelector(".percent").textContent = probability === null ? "" : percent(probability);
    mark(item, decision, uncertain);
    const radio = item.querySelector("input[type=radio]");
    radio.disabled = !onSelect;
    radio.checked = Boolean(onSelect) && index === selected;
    radio.onchange = onSelect && (() => onSelect(name));
    const fill = item.querySelector(".fill");
    // two frames: the browser must have drawn a new bar at its old length before it can animate it
    requestAnimationFrame(() => requestAnimationFrame(() => fill.style.setProperty("--p", probability || 0)));
    return item;
  });
  const isSame = items.length === list.children.length && items.every((item, index) => item === list.children[index]);
  if (!isSame) list.replaceChildren(...items); // not again: a slider that is being dragged would be let go
  if (focused && focused.isConnected) focused.focus({ preventScroll: true }); // replaceChildren took the focus away
  showRest(classes);
  list.classList.toggle("choices", Boolean(onSelect));
  list.tabIndex = !onSelect && list.scrollHeight > list.clientHeight ? 0 : -1;
}

// Show the names alone, before there is a prediction.
export function showEmptyBars(names) {
  showBars(names.slice(0, MOST_CLASSES).map((name) => ({ class: name, probability: null })));
}

// Mark which labels the image is said to have, and the one whose heat map is shown.
export function markBars(classes, selected) {
  const bars = new Map([...byId("bars").children].map((item) => [item.dataset.name, item]));
  for (const [index, { class: name, decision, uncertain }] of classes.entries()) {
    const item = bars.get(name);
    mark(item, decision, uncertain);
    const radio = item.querySelector("input[type=radio]");
    radio.checked = !radio.disabled && index === selected;
  }
}

function mark(item, decision, uncertain) {
  item.classList.toggle("given", decision === true);
  item.classList.toggle("uncertain", uncertain === true);
  item.title = uncertain ? "Uncertain: the probability is near the threshold" : "";
}

// Say how many classes have no bar, and how probable they are together.
function showRest(classes) {
  const count = state.model.classes.length - classes.length;
  const several = state.model.labels === "several"; // whose probabilities do not sum to 1
  const known = !several && classes.every((c) => c.probability !== null);
  const rest = Math.max(0, 1 - classes.reduce((sum, c) => sum + c.probability, 0));
  byId("bars-rest").hidden = count === 0;
  byId("bars-rest").textContent = `and ${count.toLocaleString("en")} more classes${known ? `: ${percent(rest)} together` : ""}`;
}

function bar(name) {
  const radio = element("input", { type: "radio", name: "heat-class", className: "visually-hidden", disabled: true });
  radio.setAttribute("aria-label", `Show the heat map for ${name}`);
  const label = element("span", { className: "label", textContent: name, title: name });
  const track = element("span", { className: "track" }, element("span", { className: "fill" }));
  const item = element("li", {}, element("label", {}, radio, label, track, element("span", { className: "percent" })));
  item.dataset.name = name;
  if (hasThresholds()) item.append(thresholdSlider(name));
  return item;
}
