// "Wrong? Correct it": report the class of the image on show.
import { errorMessage, sendFeedback } from "./api.js";
import { byId, hideError, showError } from "./dom.js";
import { state } from "./state.js";

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
  const placeholder = new Option("Choose a class", "");
  placeholder.disabled = placeholder.selected = true;
  const classes = state.entry.prediction.classes.map((c) => new Option(c.class, c.class));
  byId("feedback-class").replaceChildren(placeholder, ...classes, new Option("None of these", "none"));
  byId("feedback-class").focus();
}

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
byId("feedback-cancel").onclick = () => {
  toggleForm(false);
  byId("feedback-open").focus();
};
byId("feedback-form").onsubmit = submit;
