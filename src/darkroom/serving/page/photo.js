// The image as it was chosen, in the drop zone.
import { byId } from "./dom.js";
import { bytes } from "./format.js";
import { updateHeatMap } from "./heat_overlay.js";

const HINT = byId("file-name").textContent; // the accepted formats, while there is no image
const SMALL = 128; // pixels: below this a photo is enlarged without smoothing

let url = null;

export function showPhoto(file, name) {
  if (url) URL.revokeObjectURL(url);
  url = URL.createObjectURL(file);
  const photo = byId("photo");
  photo.onload = () => {
    photo.classList.toggle("small", photo.naturalWidth < SMALL && photo.naturalHeight < SMALL);
    updateHeatMap();
  };
  photo.onerror = () => {
    photo.hidden = true;
    byId("not-displayable").hidden = byId("prediction").dataset.state !== "done";
    updateHeatMap();
  };
  photo.src = url;
  photo.alt = name;
  photo.hidden = false;
  fadeIn(photo);
  byId("drop-zone").scrollIntoView({ block: "nearest" }); // on a phone the drawings are far below it
  byId("drop-hint").hidden = true;
  byId("not-displayable").hidden = true;
  byId("drop-zone").classList.add("full");
  showCaption(name, bytes(file.size));
}

// Say under the photo what it is: its name and its size.
export function showCaption(name, size = "") {
  byId("file-name").textContent = name;
  byId("file-size").textContent = size;
}

// Go back to the empty drop zone; `keepCaption` leaves the name of the file that failed.
export function hidePhoto({ keepCaption = false } = {}) {
  byId("photo").hidden = true;
  byId("not-displayable").hidden = true;
  byId("drop-hint").hidden = false;
  byId("drop-zone").classList.remove("full");
  if (!keepCaption) showCaption(HINT);
}

export const isPhotoVisible = () => !byId("photo").hidden && byId("photo").naturalWidth > 0;

export function fadeIn(image) {
  image.classList.remove("develop");
  void image.offsetWidth; // reading the layout restarts the animation
  image.classList.add("develop");
}
