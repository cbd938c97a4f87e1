// The camera: its frames are classified one after the other until a photo is taken or it is closed.
import { errorMessage, pause, predict } from "./api.js";
import { cancel, classify } from "./classify.js";
import { byId, hideError, showError } from "./dom.js";
import { markDrawing } from "./examples.js";
import { hidePhoto, showCaption } from "./photo.js";
import { clearPrediction, showPrediction } from "./prediction.js";
import { state } from "./state.js";

const BETWEEN_FRAMES = 0.25; // seconds from a prediction to the next frame
const FRAME_SIDE = 512; // pixels of the frames that are classified live
const PHOTO_SIDE = 4000; // pixels of a photo, at most
const JPEG_QUALITY = 0.92;

let stream = null;

async function open() {
  if (!state.model) return;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch (error) {
    const isBlocked = error.name === "NotAllowedError";
    showError(
      isBlocked
        ? "The browser blocks the camera for this page. Allow it in the address bar and try again."
        : "No camera is available.",
    );
    return;
  }
  const mine = stream;
  cancel();
  hideError();
  byId("video").srcObject = mine;
  await byId("video").play();
  if (stream !== mine) return;
  showViewfinder(true);
  clearPrediction("Camera is on");
  showCaption("Camera");
  markDrawing(null);
  byId("camera-capture").focus();
  classifyFrames(mine);
}

function showViewfinder(isOpen) {
  byId("viewfinder").hidden = !isOpen;
  byId("camera-controls").hidden = !isOpen;
  byId("camera-open").hidden = isOpen;
  byId("file").disabled = isOpen;
}

// Close the camera. Where a live frame was on show, go back to the state before the first image.
function close() {
  if (!stream) return;
  for (const track of stream.getTracks()) track.stop();
  stream = null;
  byId("video").srcObject = null;
  showViewfinder(false);
  if (!state.entry || state.entry.live) {
    clearPrediction("Waiting for an image");
    hidePhoto();
  }
}

// Return what the camera sees as a JPEG of at most `side` pixels a side.
function capture(side) {
  const video = byId("video");
  const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
}

async function classifyFrames(mine) {
  while (stream === mine) {
    if (!document.hidden) {
      try {
        const file = await capture(FRAME_SIDE);
        const prediction = await predict(file, state.model, new AbortController().signal);
        if (stream !== mine) return;
        showPrediction({ file, name: "Camera", prediction, selected: stillSelected(prediction), live: true });
      } catch (error) {
        if (stream !== mine) return;
        close();
        showError(errorMessage(error));
        return;
      }
    }
    await pause(BETWEEN_FRAMES);
  }
}

// The index in a new frame's prediction of the class selected in the last frame. The first class stays the
// first, whichever class that is: nobody selected it.
function stillSelected(prediction) {
  const { entry } = state;
  if (!entry?.live || entry.selected === 0) return 0;
  const name = entry.prediction.classes[entry.selected].class;
  return Math.max(0, prediction.classes.findIndex((c) => c.class === name));
}

byId("camera-open").hidden = !navigator.mediaDevices; // browsers offer it over https or on this machine only
byId("camera-open").onclick = open;
byId("camera-close").onclick = () => {
  close();
  byId("camera-open").focus();
};
byId("camera-capture").onclick = async () => {
  const file = await capture(PHOTO_SIDE);
  await classify([{ file, name: "Camera photo" }]);
  byId("camera-open").focus();
};
addEventListener("newimages", close);
addEventListener("pagehide", close);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && stream) byId("camera-close").click();
});
