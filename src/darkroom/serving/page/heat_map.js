// Heat maps: a grid of numbers, drawn over the part of an image that the model sees.

const SIDE = 96; // points a side to which a grid is interpolated before the browser enlarges it
// From no evidence (dark) to the strongest (light): red, green, blue and opacity.
const RAMP = [
  [0, [10, 4, 8, 0.64]],
  [0.3, [84, 8, 34, 0.6]],
  [0.6, [222, 58, 20, 0.48]],
  [0.85, [255, 150, 46, 0.36]],
  [1, [255, 226, 140, 0.26]],
];

// Where the model's input lies over an image of `width` by `height`: left, top, width and height in pixels of
// the image. It is the largest centred part of the model's shape (crop), the whole image (squeeze), or the
// image with margins beyond its edges (pad).
export function inputArea({ width, height, model }) {
  if (model.fit === "squeeze") return [0, 0, width, height];
  const units = [width / model.width, height / model.height];
  const unit = model.fit === "pad" ? Math.max(...units) : Math.min(...units);
  const [wide, high] = [model.width * unit, model.height * unit];
  return [(width - wide) / 2, (height - high) / 2, wide, high];
}

// Draw `grid` on `canvas` as it lies over an image of `width` by `height`. `strongest` is the value that gets
// the lightest colour.
export function drawHeatMap(canvas, grid, { strongest, width, height, model }) {
  const scale = 480 / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  const [left, top, seenWidth, seenHeight] = inputArea({ width: canvas.width, height: canvas.height, model });
  context.fillStyle = "rgba(6, 3, 3, .86)"; // what the model does not see
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.clearRect(left, top, seenWidth, seenHeight);
  context.imageSmoothingQuality = "high";
  context.drawImage(coloured(grid, strongest), left, top, seenWidth, seenHeight);
}

export const largest = (grid) => Math.max(...grid.map((row) => Math.max(...row)));

// Where on the image the largest value is, in words; of an image that is cropped, where on the part that is seen.
export function position(grid, { width, height, model }) {
  const most = largest(grid);
  const row = grid.findIndex((values) => values.includes(most));
  const [left, top, wide, high] = inputArea({ width, height, model });
  const third = (index, count, start, size, whole) => {
    const [from, to] = [Math.max(0, start), Math.min(whole, start + size)]; // margins are not of the image
    const point = (start + (size * (index + 0.5)) / count - from) / (to - from);
    return Math.min(2, Math.max(0, Math.floor(point * 3)));
  };
  const across = third(grid[row].indexOf(most), grid[row].length, left, wide, width);
  const down = third(row, grid.length, top, high, height);
  if (down === 1 && across === 1) return "in the middle";
  if (across === 1) return ["at the top", "", "at the bottom"][down];
  return `at the ${["upper ", "", "lower "][down]}${across ? "right" : "left"}`;
}

// Return a canvas of SIDE x SIDE with the grid's colours.
function coloured(grid, strongest) {
  const pixels = new ImageData(SIDE, SIDE);
  for (let row = 0; row < SIDE; row++)
    for (let column = 0; column < SIDE; column++) {
      const value = interpolate(grid, (column + 0.5) / SIDE, (row + 0.5) / SIDE);
      const [red, green, blue, opacity] = colour(strongest > 0 ? Math.min(Math.max(value / strongest, 0), 1) : 0);
      pixels.data.set([red, green, blue, opacity * 255], 4 * (row * SIDE + column));
    }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

// The colour of a value of 0 to 1, linear between the steps of the ramp.
function colour(value) {
  const after = Math.max(1, RAMP.findIndex(([at]) => at >= value));
  const [[from, a], [to, b]] = [RAMP[after - 1], RAMP[after]];
  const share = (value - from) / (to - from);
  return a.map((channel, i) => channel + share * (b[i] - channel));
}

// The grid's value at a point of 0 to 1, bilinear between the centres of its cells.
function interpolate(grid, x, y) {
  const [top, bottom, down] = neighbours(y, grid.length);
  const [left, right, across] = neighbours(x, grid[0].length);
  const along = (row) => grid[row][left] * (1 - across) + grid[row][right] * across;
  return along(top) * (1 - down) + along(bottom) * down;
}

// The two cells around a point of 0 to 1, and how far it lies from the first to the second.
function neighbours(point, count) {
  const within = Math.min(Math.max(point * count - 0.5, 0), count - 1);
  const low = Math.min(Math.floor(within), Math.max(count - 2, 0));
  return [low, Math.min(low + 1, count - 1), within - low];
}
