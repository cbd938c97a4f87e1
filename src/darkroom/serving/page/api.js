// Requests to the service. Each function returns the decoded JSON or throws an Error with a message for people.
import { bytes } from "./format.js";

const ATTEMPTS = 3; // requests for one image while the service is busy
const LONGEST_WAIT = 10; // seconds: a Retry-After above this is reported as an error at once

export const MOST_CLASSES = 50; // in a prediction: of each one there is a bar and a heat map

let token = ""; // sent where the service requires one; never stored, so a reload forgets it

export class TokenRequired extends Error {}

export const setToken = (text) => {
  token = text;
};
export const hasToken = () => token !== "";

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

// `fetch` throws a TypeError where there was no response at all.
export const isUnreachable = (error) => error instanceof TypeError;

export const errorMessage = (error) =>
  isUnreachable(error) ? "The service cannot be reached. Is it still running?" : error.message;

// Paths are relative: a proxy may offer the page under any path.
function request(path, options = {}) {
  return fetch(path, token ? { ...options, headers: { Authorization: `Bearer ${token}` } } : options);
}

async function decode(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const message = body?.error?.message || `The service responded with status ${response.status}. Try again.`;
  throw response.status === 401 ? new TokenRequired(message) : new Error(message);
}

export async function fetchModel() {
  return decode(await request("model"));
}

// Classify an image file by its `MOST_CLASSES` most probable classes; `model` is what `fetchModel` returned. A busy service (429 or 503) is tried again
// when its Retry-After says so. Aborting `signal` ends both the request and the wait.
export async function predict(file, model, signal) {
  const limit = model.limits.image_bytes;
  if (file.size > limit) throw new Error(`The file is ${bytes(file.size)}; the limit is ${bytes(limit)}. Choose a smaller image.`);
  for (let attempt = 1; ; attempt++) {
    const form = new FormData();
    form.append("image", file, "image");
    const response = await request(`predict?explain=true&k=${Math.min(model.classes.length, MOST_CLASSES)}`, { method: "POST", body: form, signal });
    const wait = Number(response.headers.get("Retry-After"));
    const isBusy = [429, 503].includes(response.status);
    if (!isBusy || !wait || wait > LONGEST_WAIT || attempt === ATTEMPTS) return decode(response);
    await pause(wait);
    signal.throwIfAborted();
  }
}

// Report the class of an image, null for none of the model's classes, or a list of all its labels.
export async function sendFeedback(file, label) {
  const form = new FormData();
  form.append("image", file, "image");
  if (Array.isArray(label)) form.append("labels", JSON.stringify(label));
  else form.append("class", label ?? "");
  return decode(await request("feedback", { method: "POST", body: form }));
}
