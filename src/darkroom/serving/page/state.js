// What the page knows and shows now; every module reads it, few write it.

export const state = {
  model: null, // the response of GET /model; null until it is loaded
  // What is on show: { file, name, prediction, selected, live, thanks }. `selected` is the index in
  // prediction.classes whose heat map is drawn, `live` marks a camera frame, `thanks` is set once feedback was sent.
  entry: null,
};
