// Writes lines as LRC; reading is the server's part.

const two = (n) => String(n).padStart(2, "0");

/** 75.43 → "01:15.43"; a third digit only where it says something. */
export function stamp(seconds) {
  const ms = Math.max(0, Math.round(seconds * 1000));
  const rest = ms % 1000;
  const fraction = rest % 10 ? String(rest).padStart(3, "0") : two(rest / 10);
  return `${two(Math.floor(ms / 60000))}:${two(Math.floor(ms / 1000) % 60)}.${fraction}`;
}

/** Lines as the server tells them; those without `start_s` stay without a stamp. */
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
