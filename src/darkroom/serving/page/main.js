// The page starts here: load the model's description, then offer what the model can do.
// Modules import one way: main → sources, camera → classify → contact_sheet, prediction → feedback, photo, bars →
// heat_overlay, thresholds → heat_map, state; api, format and dom import none of these.
import { TokenRequired, errorMessage, fetchModel, hasToken, setToken } from "./api.js";
import { showEmptyBars } from "./bars.js";
import "./camera.js";
import { classify } from "./classify.js";
import { byId, hideError, showError } from "./dom.js";
import { showExamples } from "./examples.js";
import { percent } from "./format.js";
import "./sources.js";
import { state } from "./state.js";
import { showThresholds } from "./thresholds.js";

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
  showThresholds();
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
  showFigure(model);
  byId("card-fact").hidden = !model.card || hasToken(); // a link cannot carry a token
  byId("facts").hidden = false;
}

// The figure that the model was judged by: accuracy, or, of several labels, mAP where the model states it.
function showFigure({ test, labels }) {
  byId("accuracy-fact").hidden = !test;
  if (!test) return;
  const precision = test.average_precision;
  const several = precision === undefined ? "All labels right" : "Test mAP";
  byId("accuracy-name").textContent = labels === "several" ? several : "Test accuracy";
  byId("model-accuracy").textContent = percent(precision ?? test.accuracy);
  const interval = precision === undefined ? test.interval : [test.average_precision_low, test.average_precision_high];
  if (interval) byId("accuracy-fact").title = `95 % interval ${percent(interval[0])} to ${percent(interval[1])}`;
}

byId("token-form").onsubmit = (event) => {
  event.preventDefault();
  setToken(byId("token").value.trim());
  start();
};

start();
