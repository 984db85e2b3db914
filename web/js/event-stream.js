// Server-sent events by POST with a JSON body, which the browser's EventSource does not support.

/** Without any data for this long the connection counts as dead; the server sends a heart-beat every 15 s. */
const TIMEOUT_MS = 40000;

/** Calls `on.opened()`, `on.event(name, data)` and, once, `on.ended()`; `close()` ends it without a call. */
export function openStream(url, body, on) {
  const abort = new AbortController();
  let watchdog = 0;
  const resetWatchdog = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => abort.abort(), TIMEOUT_MS);
  };
  let closed = false;
  const run = async () => {
    resetWatchdog();
    const headers = { Accept: "text/event-stream", "Content-Type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal: abort.signal });
    if (!response.ok) throw new Error(response.statusText);
    on.opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      resetWatchdog();
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      if (!closed) for (const block of blocks) emit(block, on);
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

function emit(block, on) {
  let [name, data] = ["message", ""];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data += line.slice(5).trim();
  }
  if (data) on.event(name, JSON.parse(data));
}
