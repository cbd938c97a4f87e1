// Classify images one after the other; a newer choice cancels an older one.
import { errorMessage, isUnreachable, predict } from "./api.js";
import { addToContactSheet } from "./contact_sheet.js";
import { hideError, showError } from "./dom.js";
import { markDrawing } from "./examples.js";
import { hidePhoto, isPhotoVisible, showPhoto } from "./photo.js";
import { clearPrediction, showPrediction, showProgress } from "./prediction.js";
import { state } from "./state.js";

const MOST_IMAGES = 64; // of one choice
const MOST_ERRORS = 3; // messages shown at once

let running = null; // the AbortController of the images in progress

// Cancel what is in progress. Modules that show images by themselves (the camera) listen for "newimages".
export function cancel() {
  running?.abort();
  running = null;
}

function begin() {
  cancel();
  dispatchEvent(new Event("newimages"));
  hideError();
}

// Classify images, `{file, name}` each. An image that fails does not stop the others.
export async function classify(images) {
  if (!state.model || !images.length) return;
  begin();
  const mine = (running = new AbortController());
  const chosen = images.slice(0, MOST_IMAGES);
  const errors = [];
  if (images.length > MOST_IMAGES) errors.push(`You chose ${images.length} images; the first ${MOST_IMAGES} were classified.`);
  let last = null;
  for (const [index, image] of chosen.entries()) {
    markDrawing(image.name);
    showProgress(chosen.length > 1 ? `Classifying ${index + 1} of ${chosen.length}` : "Classifying");
    showPhoto(image.file, image.name);
    try {
      const prediction = await predict(image.file, state.model, mine.signal);
      if (mine !== running) return;
      last = { ...image, prediction, selected: 0 };
      addToContactSheet(last, showAgain);
      showPrediction(last);
    } catch (error) {
      if (mine !== running) return;
      clearPrediction("No prediction");
      if (!isPhotoVisible()) hidePhoto({ keepCaption: true });
      errors.push(chosen.length > 1 ? `${image.name}: ${errorMessage(error)}` : errorMessage(error));
      if (isUnreachable(error)) break;
    }
  }
  if (last && !state.entry) showAgain(last);
  if (errors.length) showError(errors.slice(0, MOST_ERRORS).join(" ") + more(errors.length - MOST_ERRORS));
}

const more = (count) => (count > 0 ? ` And ${count} more failed.` : "");

// Show an earlier prediction without another request.
export function showAgain(entry) {
  begin();
  entry.selected = 0;
  markDrawing(entry.name);
  showPhoto(entry.file, entry.name);
  showPrediction(entry);
}
