// The heat map of the selected class, laid over the photo or the camera's video.
import { byId } from "./dom.js";
import { drawHeatMap, largest, position } from "./heat_map.js";
import { state } from "./state.js";

const VISIBLE = 0.05; // of the strongest map: a map that stays below it shows no evidence

export function selectHeatMap(name) {
  state.entry.selected = state.entry.prediction.classes.findIndex((c) => c.class === name);
  updateHeatMap();
  byId("announcement").textContent = byId("heat").getAttribute("aria-label");
}

export function updateHeatMap() {
  const { entry } = state;
  const maps = entry?.prediction.heat;
  const image = entry?.live ? byId("video") : byId("photo");
  const [width, height] = [image.naturalWidth || image.videoWidth || 0, image.naturalHeight || image.videoHeight || 0];
  const isDrawn = Boolean(maps && width && height && !image.hidden);
  byId("heat-switch").hidden = !isDrawn;
  byId("no-heat").hidden = maps !== null;
  byId("heat").hidden = !isDrawn || !byId("heat-on").checked;
  if (!isDrawn) return;
  const grid = maps[entry.selected];
  // one scale for the first and the selected class, so that a weak map looks weak
  const strongest = Math.max(largest(grid), largest(maps[0]));
  const place = { width, height, model: state.model };
  drawHeatMap(byId("heat"), grid, { strongest, ...place });
  const hasEvidence = largest(grid) >= strongest * VISIBLE;
  const { class: name } = entry.prediction.classes[entry.selected];
  byId("heat-label").textContent = `${hasEvidence ? "evidence" : "no evidence"} for ${name}`;
  const where = hasEvidence ? `, mostly ${position(grid, place)}` : "";
  byId("heat").setAttribute("aria-label", `Heat map: ${byId("heat-label").textContent}${where}`);
}

byId("heat-on").onchange = updateHeatMap;
