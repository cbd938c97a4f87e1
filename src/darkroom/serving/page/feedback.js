// "Wrong? Correct it": report the class of the image on show.
import { errorMessage, sendFeedback } from "./api.js";
import { byId, hideError, showError } from "./dom.js";
import { state } from "./state.js";

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
  offerClasses();
  byId(hasSearch ? "feedback-search" : "feedback-class").focus();
}

// Offer the classes whose name contains what is searched for, the most probable ones first. The only one is chosen.
function offerClasses() {
  const searched = plain(byId("feedback-search").value.trim());
  const likely = state.entry.prediction.classes.map((c) => c.class);
  const shown = new Set(likely);
  const names = [...likely, ...state.model.classes.filter((name) => !shown.has(name))].filter((name) => plain(name).includes(searched));
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
  const { options, selectedIndex } = byId("feedback-class");
  const isNone = selectedIndex === options.length - 1; // by place: a class may be called "none" too
  hideError();
  try {
    await sendFeedback(entry.file, isNone ? null : options[selectedIndex].value);
    entry.thanks = `Thank you. Saved as ${isNone ? "none of these" : options[selectedIndex].text}.`;
    if (entry === state.entry) updateFeedback();
  } catch (error) {
    showError(`Your correction was not saved: ${errorMessage(error)}`);
  }
}

byId("feedback-open").onclick = () => toggleForm(byId("feedback-form").hidden);
byId("feedback-search").oninput = offerClasses;
byId("feedback-cancel").onclick = () => {
  toggleForm(false);
  byId("feedback-open").focus();
};
byId("feedback-form").onsubmit = submit;
