// Reads server-sent events that are asked for with a body, which the browser's own EventSource cannot.

/** Nothing for so long, not even a sign of life (one every 15 s): the connection is dead. */
const SILENCE_MS = 40000;

/** Calls `on.opened()`, `on.event(name, data)` and, once, `on.ended()`; `close()` ends it without a word. */
export function openStream(url, body, on) {
  const abort = new AbortController();
  let watchdog = 0;
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
  };
  let closed = false;
  const run = async () => {
    alive();
    const headers = { Accept: "text/event-stream", "Content-Type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal: abort.signal });
    if (!response.ok) throw new Error(response.statusText);
    on.opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      if (!closed) for (const block of blocks) tell(block, on);
    }
  };
  run()
    .catch(() => {})
    .finally(() => {
      clearTimeout(watchdog);
      if (!closed) on.ended();
    });
  return {
    close() {
      closed = true;
      abort.abort();
    },
  };
}

function tell(block, on) {
  let [name, data] = ["message", ""];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data += line.slice(5).trim();
  }
  if (data) on.event(name, JSON.parse(data));
}
