"use strict";

const byId = (id) => document.getElementById(id);
const percent = (p) => (p * 100).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }) + "\u00a0%";
const bytes = (n) => (n < 1e6 ? Math.max(1, Math.round(n / 1e3)) + " kB" : (n / 1e6).toFixed(1) + " MB");
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

const SHEET = 24; // images that the contact sheet holds
const AT_ONCE = 64; // images taken of one choice
const PATIENCE = 10; // seconds at most that a busy service is waited for before an image is tried again

let model = null; // what GET /model answered
let token = ""; // where the service asks for one; forgotten with the page
let running = null; // the request in flight; a newer image calls it off
let shown = null; // what is on show: file, name, answer, and the class whose heat map is drawn
let shots = []; // what the contact sheet holds, the newest first
let photoUrl = null;

function fail(message) {
  byId("error").textContent = message;
  byId("error").hidden = false;
}

function ask(path, options = {}) {
  return fetch(path, token ? { ...options, headers: { Authorization: `Bearer ${token}` } } : options);
}

async function answerOf(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const error = body && body.error;
  throw new Error((error && error.message) || `The service answered ${response.status}. Try again.`);
}

const told = (error) => (error instanceof TypeError ? "The service cannot be reached. Is it still running?" : error.message);

async function start() {
  try {
    const response = await ask("/model");
    byId("key").hidden = response.status !== 401;
    if (response.status === 401 && !token) return byId("token").focus();
    model = await answerOf(response);
  } catch (error) {
    fail(`The service does not say what its model is: ${told(error)}${byId("key").hidden ? " Load the page again." : ""}`);
    return;
  }
  byId("error").hidden = true;
  byId("model-name").textContent = model.name;
  byId("model-version").textContent = model.version;
  if (model.test) {
    byId("model-accuracy").textContent = percent(model.test.accuracy);
    if (model.test.interval) {
      const [low, high] = model.test.interval;
      byId("accuracy-fact").title = `95 % interval ${percent(low)} to ${percent(high)}`;
    }
  } else byId("accuracy-fact").hidden = true;
  byId("card-fact").hidden = !model.card || Boolean(token); // a link cannot carry a token
  byId("facts").hidden = false;
  byId("seen-size").textContent = `${model.width} × ${model.height}, ${model.channels === 1 ? "grey" : "RGB"}`;
  byId("kept").hidden = !model.feedback;
  fillBars(model.classes.map((name) => ({ class: name, probability: null })), false);
  showExamples();
}

byId("key").onsubmit = (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  start();
};

// --- the bars ---------------------------------------------------------------------------------------

// Show the classes in their order. A class that was there keeps its bar, which grows or shrinks from
// where it is. With heat maps each is a choice: whose is drawn; `picked` is the one chosen.
function fillBars(classes, choices, picked = 0) {
  const focused = byId("bars").contains(document.activeElement) && document.activeElement;
  const before = new Map([...byId("bars").children].map((item) => [item.dataset.name, item]));
  const items = classes.map(({ class: name, probability }, index) => {
    const item = before.get(name) || row(name);
    item.querySelector(".percent").textContent = probability === null ? "" : percent(probability);
    const choice = item.querySelector("input");
    choice.disabled = !choices;
    choice.checked = choices && index === picked;
    const fill = item.querySelector(".fill");
    requestAnimationFrame(() => requestAnimationFrame(() => fill.style.setProperty("--p", probability || 0)));
    return item;
  });
  byId("bars").replaceChildren(...items);
  if (focused && focused.isConnected) focused.focus({ preventScroll: true }); // it was taken out and put back
  byId("bars").classList.toggle("choices", choices);
  byId("bars").tabIndex = !choices && byId("bars").scrollHeight > byId("bars").clientHeight ? 0 : -1;
}

function row(name) {
  const choice = document.createElement("input");
  Object.assign(choice, { type: "radio", name: "heat-of", className: "unseen", disabled: true });
  choice.setAttribute("aria-label", `Show what speaks for ${name}`);
  choice.onchange = () => pick(name);
  const parts = ["label", "track", "percent"].map((kind) => {
    const span = document.createElement("span");
    span.className = kind;
    return span;
  });
  parts[0].textContent = parts[0].title = name;
  const fill = document.createElement("span");
  fill.className = "fill";
  parts[1].append(fill);
  const line = document.createElement("label");
  line.append(choice, ...parts);
  const item = document.createElement("li");
  item.dataset.name = name;
  item.append(line);
  return item;
}

// --- the heat map -----------------------------------------------------------------------------------

function pick(name) {
  shown.picked = shown.answer.classes.findIndex((c) => c.class === name);
  drawHeat();
  byId("spoken").textContent = byId("heat").getAttribute("aria-label");
}

// Draw it over the photo, or over what the camera sees.
function drawHeat() {
  const maps = shown && shown.answer.heat;
  const under = shown && shown.live ? byId("video") : byId("photo");
  const [wide, high] = [under.naturalWidth || under.videoWidth || 0, under.naturalHeight || under.videoHeight || 0];
  const drawn = Boolean(maps && wide && high && !under.hidden);
  byId("heat-switch").hidden = !drawn;
  byId("heat").hidden = !drawn || !byId("heat-on").checked;
  if (!drawn) return;
  const grid = maps[shown.picked];
  const most = Math.max(HEAT.largest(grid), HEAT.largest(maps[0]));
  HEAT.draw(byId("heat"), grid, most, wide, high, model);
  const { class: name } = shown.answer.classes[shown.picked];
  const something = HEAT.largest(grid) >= most * 0.05;
  byId("heat-of").textContent = `${something ? "what" : "nothing"} speaks for ${name}`;
  const where = something ? ` is mostly ${HEAT.place(grid)}` : "";
  byId("heat").setAttribute("aria-label", `Heat map: ${byId("heat-of").textContent}${where}`);
}

byId("heat-on").onchange = drawHeat;

// --- the image and the answer -----------------------------------------------------------------------

function showPhoto(file, name) {
  if (photoUrl) URL.revokeObjectURL(photoUrl);
  photoUrl = URL.createObjectURL(file);
  const photo = byId("photo");
  photo.onload = () => {
    photo.classList.toggle("small", photo.naturalWidth < 128 && photo.naturalHeight < 128);
    drawHeat();
  };
  photo.onerror = () => {
    photo.hidden = true;
    byId("unshown").hidden = byId("print").dataset.state !== "done";
    drawHeat();
  };
  photo.src = photoUrl;
  photo.alt = name;
  photo.hidden = false;
  develop(photo);
  byId("mat").scrollIntoView({ block: "nearest" }); // on a phone the drawings are far below
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
  shown = null;
  byId("print").dataset.state = "idle";
  byId("print").dataset.confident = "yes";
  byId("kicker").textContent = kicker;
  byId("name").textContent = "…";
  byId("name").classList.remove("long");
  byId("confident").textContent = "";
  byId("timing").textContent = "\u00a0";
  byId("spoken").textContent = byId("spoken").dataset.best = "";
  byId("seen").hidden = true;
  fillBars(model.classes.map((name) => ({ class: name, probability: null })), false);
  drawHeat();
  offerFeedback();
}

// Ask for the answer to one image. A service that has too much to do says when to come again.
async function predict(file, signal) {
  if (file.size > model.limits.image_bytes)
    throw new Error(`The file has ${bytes(file.size)}; at most ${bytes(model.limits.image_bytes)} are accepted. Send a smaller image.`);
  for (let attempt = 1; ; attempt++) {
    const form = new FormData();
    form.append("image", file, "image");
    const response = await ask(`/predict?explain=true&k=${model.classes.length}`, { method: "POST", body: form, signal });
    const again = Number(response.headers.get("Retry-After"));
    if (![429, 503].includes(response.status) || !again || again > PATIENCE || attempt === 3) return answerOf(response);
    await pause(again);
    signal.throwIfAborted();
  }
}

// Classify images, `{file, name}` each, one after the other. A bad one does not keep the rest back.
async function classify(images) {
  if (!model || !images.length) return;
  if (running) running.abort();
  running = new AbortController();
  const mine = running;
  dispatchEvent(new Event("classify")); // the camera closes
  byId("error").hidden = true;
  const failed = [];
  let good = null;
  if (images.length > AT_ONCE) failed.push(`These are ${images.length} images; the first ${AT_ONCE} were taken.`);
  const taken = images.slice(0, AT_ONCE);
  for (const [index, { file, name }] of taken.entries()) {
    shown = null;
    press(name);
    byId("print").dataset.state = "working";
    byId("kicker").textContent = taken.length > 1 ? `Developing ${index + 1} of ${taken.length}` : "Developing";
    showPhoto(file, name);
    offerFeedback();
    drawHeat();
    try {
      const answer = await predict(file, mine.signal);
      if (mine !== running) return; // a newer image took over
      good = { file, name, answer, picked: 0 };
      remember(good);
      showAnswer(good);
    } catch (error) {
      if (mine !== running) return;
      clearPrint("No answer");
      if (byId("photo").hidden || !byId("photo").naturalWidth) {
        byId("photo").hidden = true;
        byId("empty").hidden = false;
        byId("mat").classList.remove("full");
      }
      byId("unshown").hidden = true;
      failed.push(taken.length > 1 ? `${name}: ${told(error)}` : told(error));
      if (error instanceof TypeError) break;
    }
  }
  if (good && !shown) show(good);
  if (failed.length) fail(failed.slice(0, 3).join(" ") + (failed.length > 3 ? ` And ${failed.length - 3} more could not be read.` : ""));
}

function showAnswer(entry) {
  const { answer } = entry;
  const [best] = answer.classes;
  const uncertain = answer.confident === false; // null: nobody measured from when on this model is confident
  shown = entry;
  byId("print").dataset.state = "done";
  byId("print").dataset.confident = uncertain ? "no" : "yes";
  byId("kicker").textContent = uncertain ? "The model is" : "Most likely";
  byId("name").textContent = uncertain ? "Uncertain" : best.class;
  byId("name").classList.toggle("long", !uncertain && best.class.length > 8);
  byId("confident").textContent = uncertain ? `It could be ${perhaps(answer.classes)}` : percent(best.probability);
  byId("seen").src = answer.input;
  byId("seen").alt = `The image as the model sees it, ${model.width} by ${model.height} pixels`;
  byId("seen").hidden = false;
  if (!entry.live) develop(byId("seen"));
  byId("unshown").hidden = !byId("photo").hidden || Boolean(entry.live);
  fillBars(answer.classes, Boolean(answer.heat), entry.picked);
  byId("timing").textContent = `${answer.milliseconds.toFixed(1)} ms on the server · ${answer.model.name} version ${answer.model.version}`;
  const spoken = answer.classes.slice(0, 3).map((c) => `${c.class}, ${percent(c.probability)}`).join("; ");
  const words = uncertain ? `Uncertain. It could be ${perhaps(answer.classes)}` : `Most likely ${spoken}`;
  // of the camera only what changes: else a reader would never come to an end
  if (!entry.live || byId("spoken").dataset.best !== verdict(entry)) byId("spoken").textContent = words;
  byId("spoken").dataset.best = verdict(entry);
  drawHeat();
  offerFeedback();
}

const verdict = ({ answer }) => (answer.confident === false ? "Uncertain" : answer.classes[0].class);

// The classes at least half as likely as the first, at most three: "cat (48.0 %) or dog (31.0 %)".
function perhaps(classes) {
  const near = classes.filter((c) => c.probability >= classes[0].probability / 2).slice(0, 3);
  const names = near.map((c) => `${c.class} (${percent(c.probability)})`);
  const last = names.pop();
  return names.length ? `${names.join(", ")} or ${last}` : last;
}

// --- the contact sheet ----------------------------------------------------------------------------------

function remember(entry) {
  const same = (other) => other.name === entry.name && other.file.size === entry.file.size && other.answer.input === entry.answer.input;
  shots = [entry, ...shots.filter((other) => !same(other))].slice(0, SHEET);
  byId("recent").hidden = false;
  byId("sheet").replaceChildren(...shots.map(frame));
}

function frame(entry) {
  const image = document.createElement("img");
  Object.assign(image, { src: entry.answer.input, alt: "" });
  const label = document.createElement("span");
  label.textContent = verdict(entry);
  const share = document.createElement("small");
  share.textContent = percent(entry.answer.classes[0].probability);
  const button = document.createElement("button");
  button.type = "button";
  button.title = entry.name;
  button.setAttribute("aria-label", `${entry.name}: ${label.textContent}, ${share.textContent}`);
  button.append(image, label, share);
  button.onclick = () => show(entry);
  const item = document.createElement("li");
  item.append(button);
  return item;
}

// Show what was answered before.
function show(entry) {
  if (running) running.abort();
  running = null;
  dispatchEvent(new Event("classify"));
  byId("error").hidden = true;
  entry.picked = 0;
  press(entry.name);
  showPhoto(entry.file, entry.name);
  showAnswer(entry);
}

function press(name) {
  for (const button of byId("strip").querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.name === name);
}

byId("forget").onclick = () => {
  shots = [];
  byId("recent").hidden = true;
  byId("sheet").replaceChildren();
  byId("file").focus();
};

// --- feedback -------------------------------------------------------------------------------------------

function offerFeedback() {
  const offered = Boolean(model.feedback && shown && !shown.live);
  byId("wrong").hidden = !offered;
  openFeedback(false);
  byId("wrong-open").hidden = offered && Boolean(shown.thanks);
  byId("thanks").textContent = (offered && shown.thanks) || "";
}

function openFeedback(open) {
  byId("wrong-form").hidden = !open;
  byId("wrong-open").setAttribute("aria-expanded", open);
  if (!open) return;
  const first = new Option("choose …", "");
  first.disabled = first.selected = true;
  const classes = shown.answer.classes.map((c) => new Option(c.class, c.class));
  byId("truth").replaceChildren(first, ...classes, new Option("none of these", "none"));
  byId("truth").focus();
}

byId("wrong-open").onclick = () => openFeedback(byId("wrong-form").hidden);
byId("wrong-close").onclick = () => {
  openFeedback(false);
  byId("wrong-open").focus();
};
byId("wrong-form").onsubmit = async (event) => {
  event.preventDefault();
  const entry = shown;
  const { options, selectedIndex } = byId("truth");
  const none = selectedIndex === options.length - 1; // a class may have that name too
  const form = new FormData();
  form.append("image", entry.file, "image");
  form.append("class", none ? "" : options[selectedIndex].value);
  byId("error").hidden = true;
  try {
    await answerOf(await ask("/feedback", { method: "POST", body: form }));
    entry.thanks = none ? "Thank you. Kept as none of these." : `Thank you. Kept as ${options[selectedIndex].text}.`;
    if (entry === shown) offerFeedback();
  } catch (error) {
    fail(`The image was not kept: ${told(error)}`);
  }
};

// --- where images come from ---------------------------------------------------------------------------

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
      button.onclick = () => canvas.toBlob((file) => classify([{ file, name: button.dataset.name }]));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

const NOT_A_FILE = "That was no image file. Links are not opened: save the image and drop the file.";
const named = (files, rename = (name) => name) => [...files].map((file) => ({ file, name: rename(file.name) }));

byId("file").onchange = (event) => {
  classify(named(event.target.files));
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
  if (event.dataTransfer.files.length) classify(named(event.dataTransfer.files));
  else fail(NOT_A_FILE);
});
addEventListener("paste", (event) => {
  if (event.target === byId("token")) return;
  const pasted = (name) => (name === "image.png" ? "pasted image" : name);
  if (event.clipboardData.files.length) classify(named(event.clipboardData.files, pasted));
  else fail(NOT_A_FILE);
});
start();
