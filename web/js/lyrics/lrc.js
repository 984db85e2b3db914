// Writes lines in LRC format; the server parses it.

const two = (n) => String(n).padStart(2, "0");

/** 75.43 → "01:15.43"; milliseconds only if they are needed. */
export function stamp(seconds) {
  const ms = Math.max(0, Math.round(seconds * 1000));
  const rest = ms % 1000;
  const fraction = rest % 10 ? String(rest).padStart(3, "0") : two(rest / 10);
  return `${two(Math.floor(ms / 60000))}:${two(Math.floor(ms / 1000) % 60)}.${fraction}`;
}

/** `lines` as in the API's lyrics; lines without `start_s` get no time. */
export function toLrc(lines) {
  const out = [];
  for (const [i, line] of lines.entries()) {
    const words = line.words?.length ? line.words.map((w) => `<${stamp(w.start_s)}>${w.text}`).join("") : line.text;
    out.push(line.start_s === undefined ? line.text : `[${stamp(line.start_s)}]${words}`);
    const next = lines[i + 1]?.start_s ?? Infinity;
    if (line.start_s !== undefined && line.end_s !== undefined && line.end_s < next) out.push(`[${stamp(line.end_s)}]`);
  }
  return `${out.join("\n")}\n`;
}
