"use strict";
// The camera: what it sees is classified over and over until an image is taken or it is closed.

(() => {
  const BETWEEN = 0.25; // seconds from an answer to the next frame
  const LIVE_SIDE = 512; // of the frames classified meanwhile, in pixels
  const HINT = byId("file-name").textContent;
  let stream = null;

  async function open() {
    if (!model) return;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
    } catch (error) {
      fail(
        error.name === "NotAllowedError"
          ? "The browser does not let this page use the camera. Allow it in the address bar and try again."
          : "There is no camera that can be used now.",
      );
      return;
    }
    const mine = stream;
    if (running) running.abort();
    running = null;
    byId("error").hidden = true;
    byId("video").srcObject = stream;
    await byId("video").play();
    if (stream !== mine) return;
    reveal(true);
    clearPrint("Looking");
    byId("file-name").textContent = "the camera";
    byId("file-size").textContent = "";
    press(null);
    byId("take").focus();
    watch(mine);
  }

  function reveal(live) {
    for (const id of ["finder", "shutter"]) byId(id).hidden = !live;
    byId("camera").hidden = live;
    byId("file").disabled = live;
  }

  // Close it and, where it was open, go back to the state before the first image.
  function close() {
    if (!stream) return;
    for (const track of stream.getTracks()) track.stop();
    stream = null;
    byId("video").srcObject = null;
    reveal(false);
    if (!shown || shown.live) {
      clearPrint("Waiting for an image");
      byId("photo").hidden = true;
      byId("unshown").hidden = true;
      byId("empty").hidden = false;
      byId("mat").classList.remove("full");
      byId("file-name").textContent = HINT;
    }
  }

  function still(side) {
    const video = byId("video");
    const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  }

  async function watch(mine) {
    while (stream === mine) {
      if (!document.hidden) {
        try {
          const file = await still(LIVE_SIDE);
          const answer = await predict(file, new AbortController().signal);
          if (stream !== mine) return;
          const picked = shown && shown.live ? shown.answer.classes[shown.picked].class : null;
          const kept = picked === shown?.answer.classes[0].class ? 0 : answer.classes.findIndex((c) => c.class === picked);
          showAnswer({ file, name: "the camera", answer, picked: Math.max(0, kept), live: true });
        } catch (error) {
          if (stream !== mine) return;
          close();
          fail(told(error));
          return;
        }
      }
      await pause(BETWEEN);
    }
  }

  byId("camera").hidden = !navigator.mediaDevices; // only where the page came safely: https or this machine
  byId("camera").onclick = open;
  byId("stop").onclick = () => {
    close();
    byId("camera").focus();
  };
  byId("take").onclick = async () => {
    const file = await still(4000);
    await classify([{ file, name: "camera image" }]);
    byId("camera").focus();
  };
  addEventListener("classify", close);
  addEventListener("pagehide", close);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && stream) byId("stop").click();
  });
})();
