// "Wrong? Correct it": report the class of the image on show, or, of several labels, all that it has.
import { errorMessage, sendFeedback } from "./api.js";
import { byId, element, hideError, showError } from "./dom.js";
import { hasSeveral } from "./format.js";
import { state } from "./state.js";
import { decided } from "./thresholds.js";

const MANY = 20; // classes: from here on there is a field to search them

// Offer the form where the service keeps feedback and a still image is on show, or the thanks once it was sent.
export function updateFeedback() {
  const { entry, model } = state;
  const isOffered = Boolean(model.feedback && entry && !entry.live);
  byId("feedback").hidden = !isOffered;
  toggleForm(false);
  byId("feedback-open").hidden = isOffered && Boolean(entry.thanks);
  byId("feedback-status").textContent = (isOffered && entry.thanks) || "";
}

function toggleForm(isOpen) {
  byId("feedback-form").hidden = !isOpen;
  byId("feedback-open").setAttribute("aria-expanded", isOpen);
  if (!isOpen) return;
  const hasSearch = state.model.classes.length >= MANY;
  byId("feedback-search").hidden = !hasSearch;
  byId("feedback-search").value = "";
  const several = hasSeveral(state.entry.prediction);
  byId("feedback-one").hidden = several;
  byId("feedback-class").disabled = several; // else it would be required
  byId("feedback-labels").hidden = !several;
  byId("feedback-labels").lastElementChild.replaceChildren(...(several ? boxes() : []));
  if (!several) offerClasses();
  if (hasSearch) byId("feedback-search").focus();
  else if (several) byId("feedback-labels").querySelector("input").focus();
  else byId("feedback-class").focus();
}

// The order in which classes are offered: the most probable ones first.
function offered() {
  const likely = state.entry.prediction.classes.map((c) => c.class);
  const shown = new Set(likely);
  return [...likely, ...state.model.classes.filter((name) => !shown.has(name))];
}

// A box for each label; those that are decided on the page are checked.
function boxes() {
  const has = new Set(decided(state.entry.prediction).labels);
  return offered().map((name) => {
    const box = element("input", { type: "checkbox", value: name, checked: has.has(name) });
    return element("label", {}, box, element("span", { textContent: name }));
  });
}

function search() {
  if (!hasSeveral(state.entry.prediction)) return offerClasses();
  const searched = plain(byId("feedback-search").value.trim());
  for (const label of byId("feedback-labels").querySelectorAll("label")) label.hidden = !plain(label.textContent).includes(searched);
}

// Offer the classes whose name contains what is searched for, the most probable ones first. The only one is chosen.
function offerClasses() {
  const searched = plain(byId("feedback-search").value.trim());
  const names = offered().filter((name) => plain(name).includes(searched));
  const placeholder = new Option(names.length ? "Choose a class" : "No class has this in its name", "");
  placeholder.disabled = placeholder.selected = true;
  const options = names.map((name) => new Option(name, name));
  if (searched && options.length === 1) options[0].selected = true;
  byId("feedback-class").replaceChildren(placeholder, ...options, new Option("None of these", "none"));
}

// A name without its accents and capitals, for searching.
const plain = (text) => text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();

async function submit(event) {
  event.preventDefault();
  const { entry } = state;
  const { label, text } = hasSeveral(entry.prediction) ? chosenSet() : chosenClass();
  hideError();
  try {
    await sendFeedback(entry.file, label);
    entry.thanks = `Thank you. Saved as ${text}.`;
    if (entry === state.entry) updateFeedback();
  } catch (error) {
    showError(`Your correction was not saved: ${errorMessage(error)}`);
  }
}

function chosenClass() {
  const { options, selectedIndex } = byId("feedback-class");
  const isNone = selectedIndex === options.length - 1; // by place: a class may be called "none" too
  return isNone ? { label: null, text: "none of these" } : { label: options[selectedIndex].value, text: options[selectedIndex].text };
}

function chosenSet() {
  const label = [...byId("feedback-labels").querySelectorAll("input:checked")].map((box) => box.value);
  return { label, text: label.join(", ") || "none of the labels" };
}

byId("feedback-open").onclick = () => toggleForm(byId("feedback-form").hidden);
byId("feedback-search").oninput = search;
byId("feedback-cancel").onclick = () => {
  toggleForm(false);
  byId("feedback-open").focus();
};
byId("feedback-form").onsubmit = submit;
