// Where images come from: a chosen file, a drop, a paste.
import { classify } from "./classify.js";
import { byId, showError } from "./dom.js";

const NOT_A_FILE = "That is not an image file. Links are not opened: save the image and drop the file.";
const CLIPBOARD_NAME = "image.png"; // what browsers call an image that was copied, not a file

function classifyFiles(files, rename = (name) => name) {
  if (files.length) classify([...files].map((file) => ({ file, name: rename(file.name) })));
  else showError(NOT_A_FILE);
}

byId("file").onchange = (event) => {
  if (event.target.files.length) classifyFiles(event.target.files);
  event.target.value = ""; // so that the same file can be chosen again
};

let depth = 0; // dragenter and dragleave also come from inner elements

function setDepth(value) {
  depth = Math.max(0, value);
  byId("drop-zone").classList.toggle("over", depth > 0);
}

addEventListener("dragenter", (event) => {
  event.preventDefault();
  setDepth(depth + 1);
});
addEventListener("dragleave", () => setDepth(depth - 1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  setDepth(0);
  classifyFiles(event.dataTransfer.files);
});
addEventListener("paste", (event) => {
  if (event.target === byId("token")) return;
  classifyFiles(event.clipboardData.files, (name) => (name === CLIPBOARD_NAME ? "pasted image" : name));
});
