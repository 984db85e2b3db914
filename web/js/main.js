// Wires the page: words into their places, songs in by any way. The set list is loaded when there is a song for it, the workers panel last of all.

import * as api from "./api.js";
import { announce } from "./announcer.js";
import { takeIn } from "./drop.js";
import * as library from "./library.js";
import { offerChoice } from "./models.js";
import { ACCEPT, refusal } from "./refusal.js";
import { text } from "./strings.js";

/** So long the page waits for the choice of models, which would move what is already seen. */
const MODELS_PATIENCE_MS = 300;
const byId = (id) => document.getElementById(id);
let limits = null;

function fillWords() {
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text[node.dataset.text];
  byId("file").accept = ACCEPT;
}

async function offerModels() {
  const offer = await api.models().catch(() => null);
  if (!offer) return;
  limits = offer.limits ?? null;
  if (limits?.upload_bytes) byId("limits").textContent = text.limits(limits.upload_bytes, limits.duration_s);
  if (offer.models.length < 2) return;
  offerChoice(byId("model"), byId("model-description"), offer);
  byId("model-choice").hidden = false;
}

function refuse(sentence) {
  const notice = byId("notice-template").content.firstElementChild.cloneNode(true);
  notice.querySelector("p").textContent = sentence;
  const button = notice.querySelector("button");
  button.setAttribute("aria-label", text.dismiss);
  button.addEventListener("click", () => {
    notice.remove();
    byId("choose").focus();
  });
  byId("notices").append(notice);
  announce(sentence);
}

async function takeFiles(files) {
  byId("notices").replaceChildren();
  await takeGood(files);
}

async function takeFolder({ name, files, others }) {
  byId("notices").replaceChildren();
  if (!files.length) refuse(text.refused.noSongs(name));
  else if (others) refuse(text.refused.others(name, others));
  await takeGood(files);
}

async function takeGood(files) {
  const good = files.filter((file) => {
    const sentence = refusal(file, limits);
    if (sentence) refuse(sentence);
    return !sentence;
  });
  if (!good.length) return;
  const model = byId("model-choice").hidden ? null : byId("model").value;
  (await setlist()).handIn(good, model);
}

let opened = null;
let songs = null;
function setlist() {
  opened ??= import("./setlist.js").then(async (module) => {
    songs = module;
    await module.open();
    return module;
  });
  return opened;
}

/** A link that somebody shared holds a song and its passcode behind the #, which no server and no log gets to see. */
async function takeSharedSong() {
  if (!location.hash.startsWith("#song=")) return;
  const { takeFromAddress } = await import("./shared-song.js");
  const { song, trouble } = await takeFromAddress();
  if (trouble) refuse(trouble);
  else (await setlist()).bring(song);
}

/** Uploads that this browser began and did not see to their end. */
async function recallUploads() {
  if (!library.hasUnfinished()) return;
  const { recall } = await import("./unfinished.js");
  const { songs: arrived, sentences } = await recall();
  for (const song of arrived) (await setlist()).bring(song);
  sentences.forEach(refuse);
}

async function openWorkersPanel() {
  const { WorkersPanel } = await import("./workers-panel.js");
  new WorkersPanel({ titleOf: (id) => songs?.titleOf(id) });
}

fillWords();
takeIn({
  button: byId("choose"),
  input: byId("file"),
  folderButton: byId("choose-folder"),
  folderInput: byId("folder"),
  onFiles: takeFiles,
  onFolder: takeFolder,
});
const offered = offerModels();
for (const intent of ["pointerenter", "focus"]) byId("choose").addEventListener(intent, setlist, { once: true });
addEventListener("dragenter", setlist, { once: true });
await takeSharedSong();
const recalled = recallUploads();
addEventListener("hashchange", takeSharedSong);
if (library.saved().length) await setlist();
await Promise.race([Promise.all([offered, recalled]), new Promise((resolve) => setTimeout(resolve, MODELS_PATIENCE_MS))]);
document.documentElement.toggleAttribute("data-awake", true);
openWorkersPanel();
// Last of all, for the next visit: the page opens without the server then.
if (isSecureContext) navigator.serviceWorker?.register("/sw.js").catch(() => {});
