// The panel with the prediction: its headline, the bars, the model's input and what a screen reader announces.
import { showBars, showEmptyBars } from "./bars.js";
import { byId, element } from "./dom.js";
import { updateFeedback } from "./feedback.js";
import { hasSeveral, headline, isUncertain, likeliest, percent } from "./format.js";
import { selectHeatMap, updateHeatMap } from "./heat_overlay.js";
import { fadeIn } from "./photo.js";
import { state } from "./state.js";

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
  const { prediction } = entry;
  state.entry = entry;
  byId("prediction").dataset.state = "done";
  byId("prediction").dataset.confident = isUncertain(prediction) ? "no" : "yes";
  showHeadline(prediction);
  showModelInput(entry);
  showBars(prediction.classes, { onSelect: prediction.heat ? selectHeatMap : null, selected: entry.selected });
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

// One chip for each label that the image has; the bars below show the others too.
function showChips(prediction) {
  const { labels, classes } = prediction;
  byId("status").textContent = labels.length === 1 ? "It has this label" : `It has ${labels.length || "none"} of the labels`;
  const chips = labels.map((name) => element("span", { className: "chip", textContent: name }));
  byId("headline").replaceChildren(...(chips.length ? chips : [element("span", { textContent: headline(prediction) })]));
  byId("probability").textContent = labels.length ? "" : `Most likely ${likeliest(classes)}`;
}

function showModelInput({ prediction, live }) {
  const image = byId("model-input");
  image.src = prediction.input;
  image.alt = `The image as the model sees it, ${state.model.width} by ${state.model.height} pixels`;
  image.hidden = false;
  if (!live) fadeIn(image);
  byId("not-displayable").hidden = !byId("photo").hidden || Boolean(live);
}

// Of the camera's frames only a changed headline is announced: else a screen reader would never finish.
function announce({ prediction, live }) {
  const region = byId("announcement");
  if (hasSeveral(prediction)) {
    if (!live || region.dataset.headline !== headline(prediction)) region.textContent = `Labels: ${headline(prediction)}`;
  } else if (!live || region.dataset.headline !== headline(prediction)) {
    const first = prediction.classes.slice(0, 3).map((c) => `${c.class}, ${percent(c.probability)}`).join("; ");
    region.textContent = isUncertain(prediction) ? `Uncertain. It could be ${likeliest(prediction.classes)}` : `Most likely ${first}`;
  }
  region.dataset.headline = headline(prediction);
}
