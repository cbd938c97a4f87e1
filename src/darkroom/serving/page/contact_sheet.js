// The contact sheet: the last images with their predictions, to show one of them again.
import { byId, element } from "./dom.js";
import { headline, percent } from "./format.js";

const SIZE = 24; // images on the sheet

let entries = []; // the newest first

// Put an image on the sheet, or move it to the front; `onSelect` is called with the entry that is clicked.
export function addToContactSheet(entry, onSelect) {
  entries = [entry, ...entries.filter((other) => !isSame(entry, other))].slice(0, SIZE);
  byId("contact-sheet").hidden = false;
  byId("sheet").replaceChildren(...entries.map((each) => frame(each, onSelect)));
}

const isSame = (one, other) =>
  one.name === other.name && one.file.size === other.file.size && one.prediction.input === other.prediction.input;

function frame(entry, onSelect) {
  const { prediction, name } = entry;
  const image = element("img", { src: prediction.input, alt: "" });
  const label = element("span", { textContent: headline(prediction) });
  const probability = element("small", { textContent: percent(prediction.classes[0].probability) });
  const button = element("button", { type: "button", title: name, onclick: () => onSelect(entry) }, image, label, probability);
  button.setAttribute("aria-label", `${name}: ${label.textContent}, ${probability.textContent}`);
  return element("li", {}, button);
}

byId("clear").onclick = () => {
  entries = [];
  byId("contact-sheet").hidden = true;
  byId("sheet").replaceChildren();
  byId("file").focus();
};
