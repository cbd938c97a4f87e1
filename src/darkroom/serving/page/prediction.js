// The panel with the prediction: its headline, the bars, the model's input and what a screen reader announces.
import { markBars, showBars, showEmptyBars } from "./bars.js";
import { byId, element } from "./dom.js";
import { updateFeedback } from "./feedback.js";
import { hasSeveral, headline, isUncertain, likeliest, percent, uncertain } from "./format.js";
import { selectHeatMap, updateHeatMap } from "./heat_overlay.js";
import { fadeIn } from "./photo.js";
import { state } from "./state.js";
import { decided } from "./thresholds.js";

const LONG_NAME = 8; // characters: a longer name gets a smaller font

// Show no prediction, and `status` above the place where it will be.
export function clearPrediction(status) {
  state.entry = null;
  byId("prediction").dataset.state = "idle";
  byId("prediction").dataset.confident = "yes";
  byId("status").textContent = status;
  byId("headline").textContent = "…";
  byId("headline").classList.remove("long", "chips");
  byId("probability").textContent = "";
  byId("timing").textContent = "\u00a0";
  byId("announcement").textContent = byId("announcement").dataset.headline = "";
  byId("model-input").hidden = true;
  showEmptyBars(state.model.classes);
  updateHeatMap();
  updateFeedback();
}

// Dim the last prediction while the next one is computed.
export function showProgress(status) {
  state.entry = null;
  byId("prediction").dataset.state = "working";
  byId("status").textContent = status;
  updateFeedback();
  updateHeatMap();
}

export function showPrediction(entry) {
  const prediction = decided(entry.prediction);
  // of several labels the first heat map is of one that the image has
  if (hasSeveral(prediction) && !entry.selected) entry.selected = Math.max(0, prediction.classes.findIndex((c) => c.decision));
  state.entry = entry;
  byId("prediction").dataset.state = "done";
  byId("prediction").dataset.confident = isUncertain(prediction) ? "no" : "yes";
  showHeadline(prediction);
  showModelInput(entry);
  showBars(prediction.classes, { onSelect: prediction.heat ? select : null, selected: entry.selected });
  const { name, version } = prediction.model;
  byId("timing").textContent = `${prediction.milliseconds.toFixed(1)} ms on the server · ${name} version ${version}`;
  announce(entry);
  updateHeatMap();
  updateFeedback();
}

function showHeadline(prediction) {
  byId("headline").classList.toggle("chips", hasSeveral(prediction));
  if (hasSeveral(prediction)) return showChips(prediction);
  const [best] = prediction.classes;
  const uncertain = isUncertain(prediction);
  byId("status").textContent = uncertain ? "The model is" : "Most likely";
  byId("headline").textContent = headline(prediction);
  byId("headline").classList.toggle("long", !uncertain && best.class.length > LONG_NAME);
  byId("probability").textContent = uncertain ? `It could be ${likeliest(prediction.classes)}` : percent(best.probability);
}

// One chip for each label that the image has; the bars below show the others too. Where there are heat maps a chip is
// a button that shows its label's.
function showChips(prediction) {
  const { labels, classes } = prediction;
  byId("status").textContent = labels.length === 1 ? "It has this label" : `It has ${labels.length || "none"} of the labels`;
  const mapped = new Set(prediction.heat ? classes.map((c) => c.class) : []);
  const doubtful = new Set(uncertain(classes));
  const chips = labels.map((name) => chip(name, { hasMap: mapped.has(name), isUncertain: doubtful.has(name) }));
  byId("headline").replaceChildren(...(chips.length ? chips : [element("span", { textContent: headline(prediction) })]));
  const unsure = doubtful.size ? `Uncertain: ${[...doubtful].join(", ")}` : "";
  byId("probability").textContent = labels.length ? unsure : `Most likely ${likeliest(classes)}`;
}

function chip(name, { hasMap, isUncertain }) {
  const className = isUncertain ? "chip uncertain" : "chip";
  if (!hasMap) return element("span", { className, textContent: name });
  const button = element("button", { type: "button", className, textContent: name, onclick: () => select(name) });
  const { entry } = state;
  button.setAttribute("aria-pressed", entry.prediction.classes[entry.selected].class === name);
  button.title = `Show the heat map for ${name}`;
  return button;
}

// Show the heat map of a class, from its bar or its chip.
function select(name) {
  selectHeatMap(name);
  const { prediction, selected } = state.entry;
  markBars(decided(prediction).classes, selected);
  for (const button of document.querySelectorAll("button.chip")) button.setAttribute("aria-pressed", button.textContent === name);
}

// Decide again by the thresholds on the page.
function decideAgain() {
  const { entry } = state;
  if (!entry) return;
  const prediction = decided(entry.prediction);
  showHeadline(prediction);
  markBars(prediction.classes, entry.selected);
  updateFeedback();
}

addEventListener("thresholds", decideAgain);
addEventListener("thresholdsettled", () => state.entry && announce(state.entry));

function showModelInput({ prediction, live }) {
  const image = byId("model-input");
  image.src = prediction.input;
  image.alt = `The image as the model sees it, ${state.model.width} by ${state.model.height} pixels`;
  image.hidden = false;
  if (!live) fadeIn(image);
  byId("not-displayable").hidden = !byId("photo").hidden || Boolean(live);
}

// Of the camera's frames only a changed headline is announced: else a screen reader would never finish.
function announce({ prediction: predicted, live }) {
  const prediction = decided(predicted);
  const region = byId("announcement");
  if (hasSeveral(prediction)) {
    const doubtful = uncertain(prediction.classes);
    const unsure = doubtful.length ? `. Uncertain: ${doubtful.join(", ")}` : "";
    if (!live || region.dataset.headline !== headline(prediction)) region.textContent = `Labels: ${headline(prediction)}${unsure}`;
  } else if (!live || region.dataset.headline !== headline(prediction)) {
    const first = prediction.classes.slice(0, 3).map((c) => `${c.class}, ${percent(c.probability)}`).join("; ");
    region.textContent = isUncertain(prediction) ? `Uncertain. It could be ${likeliest(prediction.classes)}` : `Most likely ${first}`;
  }
  region.dataset.headline = headline(prediction);
}
