// The operator's page: opens with the admin key, shows machines and workers, orders workers, and manages webhooks.

import { announce } from "../announcer.js";
import { text } from "../strings.js";
import { operatorClient } from "./client.js";
import { element, nodesTable, notificationsTable, workersTable } from "./tables.js";

const words = text.operator;
const KEY = "karaoke.operator";
const REFRESH_MS = 3000;
const page = document.getElementById("operator");
let client = null;
let timer = 0;

/** Kept while the tab is open, and no longer. */
const storedKey = (() => {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
})();

function store(key) {
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // Storage is forbidden: the key has to be typed again after a reload.
  }
}

function field(label, type, name) {
  const node = element("label", label);
  const input = Object.assign(document.createElement("input"), { type, name, required: true, autocomplete: "off" });
  node.append(input);
  return { node, input };
}

function form(submit, parts, act) {
  const node = document.createElement("form");
  const button = element("button", submit, "quiet");
  node.append(...parts, button);
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
  return node;
}

function askForKey(trouble = "") {
  clearTimeout(timer);
  const { node, input } = field(words.key, "password", "key");
  const open = form(words.open, [node], () => begin(input.value));
  page.replaceChildren(element("h1", words.title), element("p", words.about, "about"), open, element("p", trouble, "trouble"));
  input.focus();
}

async function begin(key) {
  client = operatorClient(key);
  try {
    await client.check();
  } catch (problem) {
    return askForKey(problem.status === 401 ? words.wrongKey : problem.title);
  }
  store(key);
  build();
  await refresh();
}

const shown = {};

function build() {
  const { node, input } = field(words.newTarget, "url", "target");
  shown.secret = element("p", "", "secret");
  shown.secret.hidden = true;
  shown.said = element("p", "", "trouble");
  for (const name of ["nodes", "workers", "notifications"]) shown[name] = document.createElement("div");
  const add = form(words.add, [node], () =>
    act(async () => {
      const added = await client.addNotification(input.value);
      input.value = "";
      shown.secret.hidden = !added.secret;
      shown.secret.textContent = added.secret ? words.secret(added.secret) : "";
    }),
  );
  page.replaceChildren(
    element("h1", words.title), shown.said,
    element("h2", words.machines), shown.nodes,
    element("h2", words.workers), shown.workers,
    element("h2", words.notifications), shown.notifications, add, shown.secret,
  );
}

/** Does something, says what is wrong with it, and shows everything as it is then. */
async function act(what, done = "") {
  try {
    await what();
    say(done);
  } catch (problem) {
    say([problem.title, problem.detail].filter(Boolean).join(": "));
  }
  await refresh();
}

function say(sentence) {
  shown.said.textContent = sentence;
  if (sentence) announce(sentence);
}

/** Tables are built anew only when something has changed, so that the focus stays where it is. */
function show(name, value, build) {
  const state = JSON.stringify(value);
  if (shown[name].dataset.state === state) return;
  const focused = shown[name].contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  shown[name].dataset.state = state;
  shown[name].replaceChildren(value.length ? build(value) : element("p", words.none));
  if (focused) [...shown[name].querySelectorAll("button")].find((b) => b.getAttribute("aria-label") === focused)?.focus();
}

async function refresh() {
  clearTimeout(timer);
  try {
    const [nodes, workers, notifications] = await Promise.all([client.nodes(), client.workers(), client.notifications()]);
    show("nodes", nodes, nodesTable);
    const lasting = workers.map(({ heard_s_ago, uptime_s, cpu_load, current, ...rest }) => rest);
    show("workers", lasting, (all) => workersTable(all, (worker, kind) => act(() => client.order(worker, kind))));
    show("notifications", notifications, (all) => notificationsTable(all, { test, remove }));
  } catch (problem) {
    say(problem.title);
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

function test({ id }) {
  let attempt = {};
  return act(async () => {
    [attempt] = (await client.testNotification(id)).attempts;
    if (attempt.error) throw { title: words.notArrived, detail: attempt.error };
  }, words.arrived);
}

const remove = ({ id }) => act(() => client.removeNotification(id));

document.title = words.title;
if (storedKey) await begin(storedKey);
else askForKey();
document.documentElement.dataset.awake = "";
