// The page starts here: load the model's description, then offer what the model can do.
// Modules import one way: main → sources, camera → classify → contact_sheet, prediction → feedback, photo, bars →
// heat_overlay → heat_map, state; api, format and dom import none of these.
import { TokenRequired, errorMessage, fetchModel, hasToken, setToken } from "./api.js";
import { showEmptyBars } from "./bars.js";
import "./camera.js";
import { classify } from "./classify.js";
import { byId, hideError, showError } from "./dom.js";
import { showExamples } from "./examples.js";
import { percent } from "./format.js";
import "./sources.js";
import { state } from "./state.js";

async function start() {
  try {
    state.model = await fetchModel();
  } catch (error) {
    reportFailure(error);
    return;
  }
  byId("token-form").hidden = true;
  hideError();
  showFacts(state.model);
  byId("model-size").textContent = `${state.model.width} × ${state.model.height}, ${state.model.channels === 1 ? "grey" : "RGB"}`;
  byId("feedback-notice").hidden = !state.model.feedback;
  showEmptyBars(state.model.classes);
  showExamples(state.model.classes, classify);
}

function reportFailure(error) {
  const needsToken = error instanceof TokenRequired;
  byId("token-form").hidden = !needsToken;
  if (needsToken && !hasToken()) byId("token").focus();
  else showError(`The model could not be loaded: ${errorMessage(error)}${needsToken ? "" : " Reload the page."}`);
}

function showFacts(model) {
  byId("model-name").textContent = model.name;
  byId("model-version").textContent = model.version;
  byId("accuracy-fact").hidden = !model.test;
  if (model.test) byId("model-accuracy").textContent = percent(model.test.accuracy);
  if (model.test?.interval) {
    const [low, high] = model.test.interval;
    byId("accuracy-fact").title = `95 % interval ${percent(low)} to ${percent(high)}`;
  }
  byId("card-fact").hidden = !model.card || hasToken(); // a link cannot carry a token
  byId("facts").hidden = false;
}

byId("token-form").onsubmit = (event) => {
  event.preventDefault();
  setToken(byId("token").value.trim());
  start();
};

start();
