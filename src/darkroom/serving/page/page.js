"use strict";

const byId = (id) => document.getElementById(id);
const percent = (p) => (p * 100).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }) + "\u00a0%";
const bytes = (n) => (n < 1e6 ? Math.max(1, Math.round(n / 1e3)) + " kB" : (n / 1e6).toFixed(1) + " MB");

let model = null; // what GET /model answered
let running = null; // the request in flight; a newer picture calls it off
let photoUrl = null;

function fail(message) {
  byId("error").textContent = message;
  byId("error").hidden = false;
}

async function answerOf(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const error = body && body.error;
  throw new Error((error && error.message) || `The service answered ${response.status}. Try again.`);
}

async function start() {
  try {
    model = await answerOf(await fetch("/model"));
  } catch (error) {
    fail(`The service does not say what its model is: ${error.message} Load the page again.`);
    return;
  }
  byId("model-name").textContent = model.name;
  byId("model-version").textContent = model.version;
  if (model.test) {
    byId("model-accuracy").textContent = percent(model.test.accuracy);
    if (model.test.interval) {
      const [low, high] = model.test.interval;
      byId("accuracy-fact").title = `95 % interval ${percent(low)} to ${percent(high)}`;
    }
  } else byId("accuracy-fact").hidden = true;
  byId("card-fact").hidden = !model.card;
  byId("facts").hidden = false;
  byId("seen-size").textContent = `${model.width} × ${model.height}, ${model.channels === 1 ? "grey" : "RGB"}`;
  byId("bars").replaceChildren(...model.classes.map((name) => row(name, null)));
  showExamples();
}

function row(name, probability) {
  const item = document.createElement("li");
  for (const [kind, text] of [["label", name], ["track", ""], ["percent", probability === null ? "" : percent(probability)]]) {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    if (kind === "label") span.title = name;
    item.append(span);
  }
  const fill = document.createElement("span");
  fill.className = "fill";
  item.children[1].append(fill);
  if (probability !== null) requestAnimationFrame(() => requestAnimationFrame(() => fill.style.setProperty("--p", probability)));
  return item;
}

function showPhoto(file, name) {
  if (photoUrl) URL.revokeObjectURL(photoUrl);
  photoUrl = URL.createObjectURL(file);
  const photo = byId("photo");
  photo.onload = () => photo.classList.toggle("small", photo.naturalWidth < 128 && photo.naturalHeight < 128);
  photo.onerror = () => {
    photo.hidden = true;
    byId("unshown").hidden = byId("print").dataset.state !== "done";
  };
  photo.src = photoUrl;
  photo.alt = name;
  photo.hidden = false;
  develop(photo);
  byId("empty").hidden = true;
  byId("unshown").hidden = true;
  byId("mat").classList.add("full");
  byId("file-name").textContent = name;
  byId("file-size").textContent = bytes(file.size);
}

function develop(image) {
  image.classList.remove("develop");
  void image.offsetWidth; // starts the animation anew
  image.classList.add("develop");
}

function clearPrint(kicker) {
  byId("print").dataset.state = "idle";
  byId("print").dataset.sure = "yes";
  byId("kicker").textContent = kicker;
  byId("name").textContent = "…";
  byId("sure").textContent = "";
  byId("timing").textContent = "\u00a0";
  byId("spoken").textContent = "";
  byId("seen").hidden = true;
  byId("bars").replaceChildren(...model.classes.map((name) => row(name, null)));
}

async function classify(file, name) {
  if (!model) return;
  if (running) running.abort();
  running = new AbortController();
  const mine = running;
  byId("error").hidden = true;
  for (const button of byId("strip").querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.name === name);
  showPhoto(file, name);
  byId("print").dataset.state = "working";
  byId("kicker").textContent = "Developing";
  try {
    if (file.size > model.limits.picture_bytes)
      throw new Error(`The file has ${bytes(file.size)}; at most ${bytes(model.limits.picture_bytes)} are accepted. Send a smaller picture.`);
    const form = new FormData();
    form.append("picture", file, "picture");
    const response = await fetch(`/predict?k=${model.classes.length}`, { method: "POST", body: form, signal: mine.signal });
    const answer = await answerOf(response);
    if (mine === running) showAnswer(answer);
  } catch (error) {
    if (mine !== running) return; // a newer picture took over
    clearPrint("No answer");
    byId("unshown").hidden = true;
    if (byId("photo").hidden || !byId("photo").naturalWidth) {
      byId("photo").hidden = true;
      byId("empty").hidden = false;
      byId("mat").classList.remove("full");
    }
    fail(error instanceof TypeError ? "The service cannot be reached. Is it still running?" : error.message);
  }
}

function showAnswer(answer) {
  const [best] = answer.classes;
  const unsure = answer.sure === false; // null: nobody measured from when on this model is sure
  byId("print").dataset.state = "done";
  byId("print").dataset.sure = unsure ? "no" : "yes";
  byId("kicker").textContent = unsure ? "The model is" : "Most likely";
  byId("name").textContent = unsure ? "Not sure" : best.class;
  byId("name").classList.toggle("long", !unsure && best.class.length > 8);
  byId("sure").textContent = unsure ? `It could be ${perhaps(answer.classes)}` : percent(best.probability);
  byId("seen").src = answer.input;
  byId("seen").alt = `The picture as the model sees it, ${model.width} by ${model.height} pixels`;
  byId("seen").hidden = false;
  develop(byId("seen"));
  byId("unshown").hidden = !byId("photo").hidden;
  byId("bars").replaceChildren(...answer.classes.map((c) => row(c.class, c.probability)));
  byId("bars").tabIndex = byId("bars").scrollHeight > byId("bars").clientHeight ? 0 : -1;
  byId("timing").textContent = `${answer.milliseconds.toFixed(1)} ms on the server · ${answer.model.name} version ${answer.model.version}`;
  const spoken = answer.classes.slice(0, 3).map((c) => `${c.class}, ${percent(c.probability)}`).join("; ");
  byId("spoken").textContent = unsure ? `Not sure. It could be ${perhaps(answer.classes)}` : `Most likely ${spoken}`;
}

// The classes at least half as likely as the first, at most three: "cat (48.0 %) or dog (31.0 %)".
function perhaps(classes) {
  const near = classes.filter((c) => c.probability >= classes[0].probability / 2).slice(0, 3);
  const names = near.map((c) => `${c.class} (${percent(c.probability)})`);
  const last = names.pop();
  return names.length ? `${names.join(", ")} or ${last}` : last;
}

function showExamples() {
  const names = model.classes.filter((name) => drawingOf(name)).slice(0, 20);
  byId("examples").hidden = !names.length;
  byId("strip").replaceChildren(
    ...names.map((name) => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 256;
      drawingOf(name)(canvas.getContext("2d"));
      const label = document.createElement("span");
      label.textContent = name;
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.name = `drawing of ${name}`;
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-label", `Drawing: ${name}`);
      button.append(canvas, label);
      button.onclick = () => canvas.toBlob((blob) => classify(blob, button.dataset.name));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

const NOT_A_FILE = "That was no picture file. Links are not opened: save the picture and drop the file.";

byId("file").onchange = (event) => {
  const [file] = event.target.files;
  if (file) classify(file, file.name);
  event.target.value = ""; // so that the same file can be chosen again
};
let depth = 0; // dragenter and dragleave also come from inner elements
addEventListener("dragenter", (event) => {
  event.preventDefault();
  depth += 1;
  byId("mat").classList.add("over");
});
addEventListener("dragleave", () => {
  depth = Math.max(0, depth - 1);
  if (!depth) byId("mat").classList.remove("over");
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  byId("mat").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) classify(file, file.name);
  else fail(NOT_A_FILE);
});
addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) classify(file, file.name === "image.png" ? "pasted picture" : file.name);
  else fail(NOT_A_FILE);
});
start();
