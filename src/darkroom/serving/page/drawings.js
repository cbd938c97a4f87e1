// Example images, drawn on a 256 × 256 canvas: they need no file and no network.

// Return the function that draws a class on a canvas context; null where there is no drawing of it.
export function drawingOf(name) {
  if ([...name].length === 1) return glyph(name);
  const key = name.toLowerCase().trim();
  return Object.hasOwn(DRAWINGS, key) ? DRAWINGS[key] : null;
}

// A single character in dark ink on white paper, as tall as the canvas and centred by its ink.
function glyph(text) {
  return (c) => {
    c.fillStyle = "#fff";
    c.fillRect(0, 0, 256, 256);
    c.font = "200px 'DejaVu Sans', Verdana, sans-serif";
    const m = c.measureText(text);
    const width = m.actualBoundingBoxLeft + m.actualBoundingBoxRight;
    const height = m.actualBoundingBoxAscent + m.actualBoundingBoxDescent;
    const scale = Math.min(244 / height, 184 / width);
    c.translate(128, 128);
    c.scale(scale, scale);
    c.fillStyle = "#1c1a19";
    c.fillText(text, (m.actualBoundingBoxLeft - m.actualBoundingBoxRight) / 2, (m.actualBoundingBoxAscent - m.actualBoundingBoxDescent) / 2);
  };
}

const gradient = (c, top, bottom, from = 0, to = 256) => {
  const g = c.createLinearGradient(0, from, 0, to);
  g.addColorStop(0, top);
  g.addColorStop(1, bottom);
  return g;
};
const fill = (c, color, path) => {
  c.fillStyle = color;
  c.fill(new Path2D(path));
};
const stroke = (c, color, width, path) => {
  c.strokeStyle = color;
  c.lineWidth = width;
  c.lineCap = c.lineJoin = "round";
  c.stroke(new Path2D(path));
};
const oval = (c, color, x, y, rx, ry, turn = 0) => {
  c.fillStyle = color;
  c.beginPath();
  c.ellipse(x, y, rx, ry, turn, 0, 7);
  c.fill();
};
const ground = (c, top, middle, horizon, near, far) => {
  c.fillStyle = gradient(c, top, middle, 0, horizon);
  c.fillRect(0, 0, 256, horizon);
  c.fillStyle = gradient(c, far, near, horizon, 256);
  c.fillRect(0, horizon, 256, 256 - horizon);
};
const wheel = (c, x, y, r) => {
  oval(c, "#191a1d", x, y, r, r);
  oval(c, "#a9adb3", x, y, r * 0.52, r * 0.52);
  oval(c, "#55595f", x, y, r * 0.2, r * 0.2);
};

const DRAWINGS = {
  airplane(c) {
    c.fillStyle = gradient(c, "#4f8fd0", "#cfe4f4");
    c.fillRect(0, 0, 256, 256);
    for (const [x, y, w] of [[60, 206, 62], [190, 224, 74], [206, 52, 44]]) oval(c, "rgba(255,255,255,.55)", x, y, w, 13);
    fill(c, "#7d8b9b", "M126 122L84 66 104 64 168 116z");
    fill(c, "#dfe5ec", "M24 134C22 118 44 112 66 112L198 108C222 108 240 118 244 128 240 138 222 144 196 146L66 148C44 148 26 146 24 134z");
    fill(c, "#c2323a", "M30 118L16 74 38 74 66 113z");
    fill(c, "#8493a5", "M28 132L10 118 24 116 58 128z");
    fill(c, "#93a1b2", "M150 134L84 206 62 206 106 132z");
    fill(c, "#4c5a69", "M98 182a9 7 0 0 1 24 -4l-6 12-18 2z");
    fill(c, "#2d3c4e", "M216 113C228 115 236 119 240 124L220 124z");
    for (let x = 78; x < 206; x += 13) oval(c, "#405468", x, 123, 3.4, 4);
  },
  automobile(c) {
    ground(c, "#b9cbd8", "#e2e8e6", 150, "#55575a", "#7c7e80");
    fill(c, "#8fa08a", "M0 150V120Q40 96 90 118T190 108 256 124V150z");
    oval(c, "rgba(0,0,0,.4)", 128, 208, 112, 13);
    fill(c, "#b8141c", "M16 190Q12 152 40 146L72 140Q92 100 118 98H168Q192 100 212 142 240 146 244 166V192Q244 200 234 200H26Q16 200 16 190z");
    fill(c, "#dc3a3c", "M40 148L72 140H212Q238 146 242 160H20Q26 150 40 148z");
    fill(c, "#27323d", "M84 140Q98 110 118 108H136V140zM144 108H166Q182 112 198 140H144z");
    fill(c, "rgba(255,255,255,.28)", "M94 136Q104 116 118 112H124L108 136z");
    fill(c, "#f6e6a8", "M232 156h10v14h-14z");
    fill(c, "#6a0d12", "M18 160h10v14h-12z");
    wheel(c, 70, 198, 25);
    wheel(c, 192, 198, 25);
  },
  bird(c) {
    c.fillStyle = gradient(c, "#a9bf8a", "#5f7f4c");
    c.fillRect(0, 0, 256, 256);
    for (const [x, y, r] of [[40, 50, 44], [210, 80, 54], [60, 190, 50]]) oval(c, "rgba(205,222,160,.3)", x, y, r, r);
    stroke(c, "#5a4128", 17, "M-10 214Q90 196 270 212");
    fill(c, "#42566c", "M62 168L8 206 26 214 92 186z");
    fill(c, "#7d97b0", "M50 176Q56 104 128 96 150 56 186 62 214 68 210 104 206 168 150 190 92 206 50 176z");
    fill(c, "#e6a765", "M128 184Q196 168 205 108 188 122 168 122 148 160 104 190z");
    fill(c, "#48607a", "M52 176Q76 118 132 122 150 150 112 174 82 188 52 176z");
    fill(c, "#e0a02c", "M208 80L238 90 209 98z");
    oval(c, "#10151a", 188, 83, 7, 7);
    oval(c, "#fff", 190, 81, 2, 2);
    stroke(c, "#8a5a2c", 6, "M122 190L124 208M148 188L152 208");
  },
  cat(c) {
    ground(c, "#cbb9a2", "#d9c8b2", 190, "#7a5a41", "#94714f");
    oval(c, "#8d7a69", 128, 262, 82, 76);
    fill(c, "#857160", "M56 116L58 26 116 66zM200 116L198 26 140 66z");
    fill(c, "#d6a59a", "M68 92L69 48 100 72zM188 92L187 48 156 72z");
    oval(c, "#94806d", 128, 124, 80, 72);
    oval(c, "#e9dfd3", 128, 160, 44, 34);
    for (const d of ["M128 52V86", "M108 56L112 84", "M148 56L144 84", "M54 124L78 128", "M57 146L78 144", "M202 124L178 128", "M199 146L178 144"]) stroke(c, "#4c3d31", 8, d);
    for (const x of [94, 162]) {
      oval(c, "#b9c64c", x, 118, 17, 15);
      oval(c, "#15120d", x, 118, 6, 14);
      oval(c, "#fff", x + 4, 112, 3, 3);
    }
    fill(c, "#c97f78", "M117 144H139L128 157z");
    stroke(c, "#4c3d31", 4, "M128 157V166Q116 178 104 170M128 166Q140 178 152 170");
    for (const d of ["M92 158L36 146", "M92 166L36 174", "M164 158L220 146", "M164 166L220 174"]) stroke(c, "#fbf6ee", 2.5, d);
  },
  deer(c) {
    ground(c, "#a8b892", "#8ea474", 150, "#7d8a4c", "#98a262");
    for (let x = 8; x < 256; x += 42) fill(c, "rgba(62,80,48,.55)", `M${x} 150V20h13V150z`);
    stroke(c, "#8a6038", 11, "M84 156V236M104 160V234M168 158V236M148 160V232");
    oval(c, "#a5723f", 122, 142, 62, 34);
    oval(c, "#f0e4d0", 62, 140, 9, 14);
    fill(c, "#a5723f", "M146 132Q168 100 174 70L204 78Q200 124 176 156z");
    oval(c, "#a87643", 198, 76, 32, 17, 0.35);
    oval(c, "#3a2718", 226, 88, 7, 6);
    oval(c, "#8a5d33", 166, 62, 17, 8, 0.5);
    oval(c, "#17100a", 200, 71, 4.5, 4.5);
    stroke(c, "#5b4026", 6, "M182 60Q160 34 166 6M172 38L148 26M192 58Q202 36 196 8M198 38L222 22");
    for (const [x, y] of [[92, 128], [110, 122], [130, 128], [104, 140], [146, 134]]) oval(c, "#e8d3ac", x, y, 4, 3.4);
  },
  dog(c) {
    ground(c, "#9fb98c", "#87a873", 176, "#5d8048", "#719659");
    oval(c, "#c1803d", 128, 264, 86, 78);
    oval(c, "#f2e8da", 128, 266, 40, 60);
    oval(c, "#c98a46", 128, 116, 68, 74);
    oval(c, "#7b4a20", 58, 126, 24, 58, 0.22);
    oval(c, "#7b4a20", 198, 126, 24, 58, -0.22);
    fill(c, "#f3e7d6", "M116 46H140L144 120H112z");
    oval(c, "#f3e7d6", 128, 158, 42, 36);
    oval(c, "#171210", 128, 140, 19, 14);
    oval(c, "#5b534f", 123, 135, 6, 3);
    fill(c, "#d8606a", "M114 178H142V200Q128 216 114 200z");
    stroke(c, "#37231a", 5, "M128 154V174Q110 186 96 172M128 174Q146 186 160 172");
    for (const x of [98, 158]) {
      oval(c, "#1c130d", x, 104, 11, 12);
      oval(c, "#fff", x + 4, 99, 3.5, 3.5);
    }
  },
  frog(c) {
    ground(c, "#6b7d3d", "#54682f", 130, "#3f3a22", "#5c5530");
    oval(c, "#8c9a4b", 40, 210, 70, 20);
    oval(c, "rgba(0,0,0,.35)", 132, 222, 104, 16);
    oval(c, "#4f8f2e", 52, 186, 38, 44, 0.5);
    oval(c, "#4f8f2e", 208, 186, 38, 44, -0.5);
    oval(c, "#68b03a", 130, 168, 82, 58);
    oval(c, "#d9e3a0", 130, 190, 58, 34);
    oval(c, "#6fba3e", 130, 124, 74, 44);
    for (const x of [84, 176]) {
      oval(c, "#6fba3e", x, 84, 26, 26);
      oval(c, "#e7c64a", x, 82, 17, 17);
      oval(c, "#141208", x, 82, 15, 7);
    }
    stroke(c, "#2f5a1a", 5, "M66 132Q130 168 194 132");
    oval(c, "#2f5a1a", 118, 110, 3, 3);
    oval(c, "#2f5a1a", 142, 110, 3, 3);
    stroke(c, "#5aa032", 15, "M88 188L76 222M172 188L184 222");
    stroke(c, "#5aa032", 8, "M54 226H98M162 226H206");
  },
  horse(c) {
    ground(c, "#9cc3e4", "#d9e8ee", 156, "#5f8b3c", "#86ad55");
    stroke(c, "#5e3419", 13, "M74 158L68 234M98 160L102 234M164 160L160 234M184 154L192 234");
    stroke(c, "#2b1a10", 14, "M54 124Q24 146 34 200");
    oval(c, "#7a4722", 122, 136, 76, 39);
    fill(c, "#7a4722", "M156 130Q172 92 188 54L222 62Q222 108 196 160z");
    fill(c, "#7f4b25", "M182 62Q190 38 206 42L246 88Q248 104 232 104L200 90z");
    oval(c, "#4b2a15", 240, 96, 10, 9);
    fill(c, "#7a4722", "M190 46L190 22 206 42z");
    stroke(c, "#2b1a10", 13, "M192 34Q168 60 152 112");
    oval(c, "#120b06", 210, 62, 4.5, 4.5);
    fill(c, "#2b1a10", "M60 230h16v9H60zM95 230h16v9H95zM152 230h16v9h-16zM184 230h16v9h-16z");
  },
  ship(c) {
    ground(c, "#7fb2dc", "#dcebf2", 158, "#173f63", "#3f7ba6");
    oval(c, "rgba(255,255,255,.6)", 60, 44, 44, 9);
    oval(c, "rgba(255,255,255,.5)", 206, 66, 50, 8);
    fill(c, "#eef1f3", "M66 138V104H178L190 138zM88 104V78H156V104z");
    fill(c, "#c33a2c", "M98 78V46H116V78zM128 78V46H146V78z");
    fill(c, "#1c1f24", "M98 54V46H116V54zM128 54V46H146V54z");
    fill(c, "#24364b", "M14 138H246Q232 168 212 188H44Q24 168 14 138z");
    fill(c, "#a8322a", "M36 176H220L210 190H46z");
    for (let x = 78; x < 180; x += 15) oval(c, "#31506c", x, 120, 4, 4);
    for (let x = 98; x < 154; x += 14) oval(c, "#31506c", x, 92, 3.6, 3.6);
    stroke(c, "#e8eef2", 3, "M206 138V84M206 92L184 138M30 138L66 108");
    for (const d of ["M10 200q20 -8 40 0t40 0 40 0 40 0 40 0 40 0", "M-10 222q20 -8 40 0t40 0 40 0 40 0 40 0 40 0"]) stroke(c, "rgba(235,246,252,.65)", 4, d);
  },
  truck(c) {
    ground(c, "#b5cfe2", "#e4ebea", 170, "#56585a", "#7a7c7d");
    fill(c, "#9aac86", "M0 170V146Q64 128 128 146T256 142V170z");
    oval(c, "rgba(0,0,0,.4)", 128, 218, 118, 12);
    fill(c, "#e8e9ea", "M10 62H164V190H10z");
    fill(c, "#cdd0d3", "M10 62H164V76H10zM10 180H164V190H10z");
    fill(c, "#2c62a6", "M10 112H164V138H10z");
    fill(c, "#c8452e", "M172 92H214Q224 92 230 106L246 146V198H172z");
    fill(c, "#2b3947", "M184 104H210Q216 104 220 112L232 144H184z");
    fill(c, "#34373b", "M10 190H246V204H10z");
    fill(c, "#f4e2a0", "M236 164h10v16h-10z");
    wheel(c, 50, 206, 23);
    wheel(c, 104, 206, 23);
    wheel(c, 208, 206, 23);
  },
};
