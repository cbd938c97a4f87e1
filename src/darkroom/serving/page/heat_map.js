"use strict";
// Heat maps: a grid of numbers, laid over the part of an image that the model sees.

const HEAT = (() => {
  const SIDE = 96; // points to which a grid is drawn out before the browser enlarges it
  // From what says nothing, in the dark, to what says most, in the light: red, green, blue and opacity.
  const RAMP = [
    [0, [10, 4, 8, 0.64]],
    [0.3, [84, 8, 34, 0.6]],
    [0.6, [222, 58, 20, 0.48]],
    [0.85, [255, 150, 46, 0.36]],
    [1, [255, 226, 140, 0.26]],
  ];

  const colour = (t) => {
    const after = Math.max(1, RAMP.findIndex(([at]) => at >= t));
    const [[from, a], [to, b]] = [RAMP[after - 1], RAMP[after]];
    const share = (t - from) / (to - from);
    return a.map((value, i) => value + share * (b[i] - value));
  };

  // The grid's value at a point of 0 to 1, in a line between the middles of its cells.
  const at = (grid, x, y) => {
    const spot = (place, count) => {
      const within = Math.min(Math.max(place * count - 0.5, 0), count - 1);
      const low = Math.min(Math.floor(within), Math.max(count - 2, 0));
      return [low, Math.min(low + 1, count - 1), within - low];
    };
    const [top, bottom, down] = spot(y, grid.length);
    const [left, right, over] = spot(x, grid[0].length);
    const line = (row) => grid[row][left] * (1 - over) + grid[row][right] * over;
    return line(top) * (1 - down) + line(bottom) * down;
  };

  // Draw `grid` on `canvas` as it lies over an image of `wide` by `high`, of which the model sees the
  // largest centred part of its own shape. `most` is the value that is drawn as the strongest.
  const draw = (canvas, grid, most, wide, high, model) => {
    const scale = 480 / Math.max(wide, high);
    canvas.width = Math.max(1, Math.round(wide * scale));
    canvas.height = Math.max(1, Math.round(high * scale));
    const fine = document.createElement("canvas");
    fine.width = fine.height = SIDE;
    const pixels = new ImageData(SIDE, SIDE);
    for (let row = 0; row < SIDE; row++)
      for (let column = 0; column < SIDE; column++) {
        const value = at(grid, (column + 0.5) / SIDE, (row + 0.5) / SIDE);
        const [red, green, blue, opacity] = colour(most > 0 ? Math.min(Math.max(value / most, 0), 1) : 0);
        pixels.data.set([red, green, blue, opacity * 255], 4 * (row * SIDE + column));
      }
    fine.getContext("2d").putImageData(pixels, 0, 0);
    const c = canvas.getContext("2d");
    const unit = Math.min(canvas.width / model.width, canvas.height / model.height);
    const [width, height] = [model.width * unit, model.height * unit];
    const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
    c.fillStyle = "rgba(6, 3, 3, .86)"; // what the model does not see
    c.fillRect(0, 0, canvas.width, canvas.height);
    c.clearRect(left, top, width, height);
    c.imageSmoothingQuality = "high";
    c.drawImage(fine, left, top, width, height);
  };

  const largest = (grid) => Math.max(...grid.map((row) => Math.max(...row)));

  // Where the largest value is, in words.
  const place = (grid) => {
    const most = largest(grid);
    const row = grid.findIndex((values) => values.includes(most));
    const third = (index, count) => Math.min(2, Math.floor(((index + 0.5) / count) * 3));
    const across = third(grid[row].indexOf(most), grid[row].length);
    const down = third(row, grid.length);
    if (down === 1 && across === 1) return "in the middle";
    if (across === 1) return ["at the top", "", "at the bottom"][down];
    return `at the ${["upper ", "", "lower "][down]}${across ? "right" : "left"}`;
  };

  return { draw, largest, place };
})();
