// The contact sheet: the last images with their predictions, to show one of them again.
import { byId, element } from "./dom.js";
import { hasSeveral, headline, percent } from "./format.js";
import { state } from "./state.js";
import { decided } from "./thresholds.js";

const SIZE = 24; // images on the sheet

let entries = []; // the newest first
let select = null; // called with the entry that is clicked

// Put an image on the sheet, or move it to the front; `onSelect` is called with the entry that is clicked.
export function addToContactSheet(entry, onSelect) {
  entries = [entry, ...entries.filter((other) => !isSame(entry, other))].slice(0, SIZE);
  byId("contact-sheet").hidden = false;
  select = onSelect;
  show();
}

const show = () => byId("sheet").replaceChildren(...entries.map(frame));

const isSame = (one, other) =>
  one.name === other.name && one.file.size === other.file.size && one.prediction.input === other.prediction.input;

function frame(entry) {
  const [prediction, { name }] = [decided(entry.prediction), entry];
  const image = element("img", { src: prediction.input, alt: "" });
  const label = element("span", { textContent: headline(prediction) });
  const probability = element("small", { textContent: summary(prediction) });
  const button = element("button", { type: "button", title: name, onclick: () => select(entry) }, image, label, probability);
  button.setAttribute("aria-label", `${name}: ${label.textContent}, ${probability.textContent}`);
  return element("li", {}, button);
}

// Of several labels no single probability says how sure the set is.
const summary = (prediction) =>
  hasSeveral(prediction) ? `${prediction.labels.length} of ${state.model.classes.length} labels` : percent(prediction.classes[0].probability);

addEventListener("thresholds", show);

byId("clear").onclick = () => {
  entries = [];
  byId("contact-sheet").hidden = true;
  byId("sheet").replaceChildren();
  byId("file").focus();
};
