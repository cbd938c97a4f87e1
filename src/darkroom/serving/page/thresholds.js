// Thresholds of several labels: the model's own, or as a person moved them here. Nothing is sent: the service goes on
// deciding by its own. Whoever shows decisions listens for "thresholds", and takes them from `decided`.
import { byId, element } from "./dom.js";
import { hasSeveral, percent } from "./format.js";
import { state } from "./state.js";

const moved = new Map(); // from a label's name to its threshold, of those that were moved

export const hasThresholds = () => Array.isArray(state.model?.thresholds);

const own = (name) => state.model.thresholds[state.model.classes.indexOf(name)];
const threshold = (name) => moved.get(name) ?? own(name);

// The prediction as the thresholds on the page decide it. A label that is not listed keeps the service's decision.
export function decided(prediction) {
  if (!hasSeveral(prediction) || !moved.size) return prediction;
  // how near is too near was found for the model's own thresholds
  const classes = prediction.classes.map((c) => ({
    ...c,
    decision: c.probability >= threshold(c.class),
    uncertain: c.uncertain && !moved.has(c.class),
  }));
  const listed = new Set(classes.map((c) => c.class));
  const labels = classes.filter((c) => c.decision).map((c) => c.class);
  return { ...prediction, classes, labels: [...labels, ...prediction.labels.filter((name) => !listed.has(name))] };
}

// The slider of a label, which lies over its bar.
export function thresholdSlider(name) {
  const slider = element("input", { type: "range", className: "threshold", min: 0, max: 1, step: 0.01 });
  slider.setAttribute("aria-label", `Threshold for ${name}`);
  slider.dataset.label = name;
  slider.oninput = () => {
    moved.set(name, Number(slider.value));
    update();
  };
  slider.onchange = report;
  place(slider);
  return slider;
}

function place(slider) {
  const { label } = slider.dataset;
  slider.value = threshold(label);
  slider.title = `Threshold: ${percent(threshold(label))}`;
  slider.setAttribute("aria-valuetext", percent(threshold(label)));
  slider.classList.toggle("moved", moved.has(label));
}

// Show the slider for all labels, where the model has several.
export function showThresholds() {
  byId("thresholds").hidden = !hasThresholds();
  if (hasThresholds()) update();
}

function update() {
  document.querySelectorAll("#bars .threshold").forEach(place);
  const values = state.model.classes.map(threshold);
  const isOne = values.every((value) => value === values[0]);
  const all = byId("threshold-all");
  all.value = values.reduce((sum, value) => sum + value, 0) / values.length;
  const text = isOne ? percent(values[0]) : "each its own";
  byId("threshold-all-value").textContent = text;
  all.setAttribute("aria-valuetext", text);
  byId("thresholds-reset").hidden = !moved.size;
  byId("thresholds-note").textContent = moved.size
    ? "Moved on this page only: the service still decides by its own thresholds."
    : "A line across a bar is where the label is decided. Move it to see what another threshold would decide.";
  dispatchEvent(new Event("thresholds"));
}

// Once a slider has come to rest, a screen reader is told what is decided now.
const report = () => dispatchEvent(new Event("thresholdsettled"));

byId("threshold-all").oninput = () => {
  const value = Number(byId("threshold-all").value);
  for (const name of state.model.classes) moved.set(name, value);
  update();
};
byId("threshold-all").onchange = report;
byId("thresholds-reset").onclick = () => {
  moved.clear();
  update();
  report();
  byId("threshold-all").focus();
};
