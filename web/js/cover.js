// Draws a cover for a song without one: beams of light on a dark ground, always the same for the same title.

const SVG = "http://www.w3.org/2000/svg";

// Background, then three colours that mix well.
const PALETTES = [
  ["#2a1410", "#ffb347", "#ff6f4e", "#ffd98a"],
  ["#1c1430", "#ff8a5c", "#a06bff", "#ffcf7a"],
  ["#0f2226", "#ffb65c", "#3fb8a8", "#ffe2a3"],
  ["#2b0f1e", "#ff5f7e", "#ffb04d", "#ff9bb0"],
  ["#131c33", "#5f8dff", "#ffb767", "#9fc0ff"],
  ["#1d210f", "#c8d65a", "#ff9d4a", "#f4e58c"],
  ["#24121c", "#e0679b", "#6f7bff", "#ffc27d"],
  ["#201a12", "#f0a23a", "#d9684a", "#7fc4b4"],
];

let count = 0;

export function drawCover(title) {
  const random = seededRandom(title);
  const [ground, ...colours] = PALETTES[Math.floor(random() * PALETTES.length)];
  const id = `cover-${(count += 1)}`;
  const svg = element("svg", { viewBox: "0 0 100 100", "aria-hidden": "true", focusable: "false" });
  const defs = svg.appendChild(element("defs"));
  svg.append(element("rect", { width: 100, height: 100, fill: ground }));

  const beams = 2 + Math.floor(random() * 3);
  for (let i = 0; i < beams; i += 1) {
    const colour = colours[i % colours.length];
    const gradient = `${id}-${i}`;
    defs.append(beamGradient(gradient, colour));
    const from = 8 + ((i + random()) / beams) * 84;
    const to = 14 + random() * 72;
    const half = 9 + random() * 15;
    svg.append(
      element("polygon", {
        class: "beam",
        points: `${from - 1.5},-4 ${from + 1.5},-4 ${to + half},88 ${to - half},88`,
        fill: `url(#${gradient})`,
      }),
      element("ellipse", { class: "beam", cx: to, cy: 88, rx: half, ry: 3.5 + random() * 2, fill: colour, opacity: 0.75 }),
    );
  }
  const letter = element("text", { x: 50, y: 71, "text-anchor": "middle", class: "initial" });
  letter.textContent = initial(title);
  svg.append(letter);
  return svg;
}

function beamGradient(id, colour) {
  const gradient = element("linearGradient", { id, x1: 0, y1: 0, x2: 0, y2: 1 });
  gradient.append(
    element("stop", { offset: 0, "stop-color": colour, "stop-opacity": 0.95 }),
    element("stop", { offset: 1, "stop-color": colour, "stop-opacity": 0.16 }),
  );
  return gradient;
}

function initial(title) {
  const match = title.match(/\p{L}|\p{N}/u);
  return match ? match[0].toLocaleUpperCase() : "♪";
}

function element(name, attributes = {}) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** A mulberry32 generator seeded with the FNV-1a hash of the title: numbers from 0 to 1, the same for the same title. */
function seededRandom(title) {
  let state = 0x811c9dc5;
  for (const char of title) state = Math.imul(state ^ char.codePointAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
