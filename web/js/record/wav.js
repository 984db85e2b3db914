// The header of a WAV file (RIFF, 16-bit PCM). Pure.

/** The 44 bytes before the interleaved little-endian samples. */
export function wavHeader({ channels, rate, frames }) {
  const bytes = frames * channels * 2;
  const view = new DataView(new ArrayBuffer(44));
  const tag = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  tag(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  tag(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  tag(36, "data");
  view.setUint32(40, bytes, true);
  return view.buffer;
}
