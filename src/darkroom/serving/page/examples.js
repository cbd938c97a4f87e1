// Drawings of the model's classes to try.
import { byId, element } from "./dom.js";
import { drawingOf } from "./drawings.js";

const MOST = 20; // drawings

const nameOf = (className) => `drawing of ${className}`;

// Show a drawing of each class that has one; a click hands `{file, name}` to `onChoose` in a list.
export function showExamples(classes, onChoose) {
  const names = classes.filter((name) => drawingOf(name)).slice(0, MOST);
  byId("examples").hidden = !names.length;
  byId("drawings").replaceChildren(...names.map((name) => element("li", {}, drawingButton(name, onChoose))));
}

function drawingButton(className, onChoose) {
  const canvas = element("canvas", { width: 256, height: 256 });
  drawingOf(className)(canvas.getContext("2d"));
  const name = nameOf(className);
  const button = element("button", { type: "button" }, canvas, element("span", { textContent: className }));
  button.dataset.name = name;
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-label", `Drawing: ${className}`);
  button.onclick = () => canvas.toBlob((file) => onChoose([{ file, name }]));
  return button;
}

// Mark the drawing that is on show; any other name marks none.
export function markDrawing(name) {
  for (const button of byId("drawings").querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.name === name);
}
