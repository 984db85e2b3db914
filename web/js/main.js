// Starts the page: texts, file input, model choice. The song list is loaded when it is needed, the workers panel last.

import * as api from "./api.js";
import { announce } from "./announcer.js";
import { acceptFiles } from "./file-input.js";
import * as library from "./library.js";
import { fillDeadlineChoice } from "./deadline.js";
import { offerNotifications } from "./notify.js";
import { compareModels, fillModelChoice, showFetches } from "./models.js";
import { ACCEPT, rejectionReason } from "./file-check.js";
import { text } from "./strings.js";

/** The page waits this long for the model choice before it is shown: a later arrival moves the layout. */
const MODELS_TIMEOUT_MS = 300;
/** Between two looks at how far the fetching of a model is. */
const FETCH_POLL_MS = 3000;
const byId = (id) => document.getElementById(id);
let limits = null;

function fillTexts() {
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text[node.dataset.text];
  byId("file").accept = ACCEPT;
  fillDeadlineChoice();
}

async function offerModels() {
  const offer = await api.models().catch(() => null);
  if (!offer) return;
  limits = offer.limits ?? null;
  if (limits?.upload_bytes) byId("limits").textContent = text.limits(limits.upload_bytes, limits.duration_s);
  offerNotifications(offer);
  if (offer.removal?.hours || offer.removal?.for_room) (await import("./keep.js")).setRemoval(offer.removal);
  if (offer.models.length < 2) return;
  fillModelChoice(byId("model"), byId("model-description"), offer);
  showFetches(byId("model-fetch"), offer.fetching ?? []);
  compareModels(byId("model-table"), offer);
  byId("model-choice").hidden = false;
  if (offer.fetching?.length) setTimeout(offerModels, FETCH_POLL_MS);
}

function showNotice(sentence) {
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

async function onFiles(files) {
  byId("notices").replaceChildren();
  await uploadValid(files);
}

async function onFolder({ name, files, others }) {
  byId("notices").replaceChildren();
  if (!files.length) showNotice(text.rejected.noSongs(name));
  else if (others) showNotice(text.rejected.others(name, others));
  await uploadValid(files);
}

async function uploadValid(files) {
  const valid = files.filter((file) => {
    const sentence = rejectionReason(file, limits);
    if (sentence) showNotice(sentence);
    return !sentence;
  });
  if (!valid.length) return;
  const model = byId("model-choice").hidden ? null : byId("model").value;
  (await setlist()).uploadFiles(valid, model);
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

/** A shared link has the song's id and passcode in the fragment, which no server and no log sees. */
async function openSharedSong() {
  if (!location.hash.startsWith("#song=")) return;
  const { addSharedSong } = await import("./shared-song.js");
  const { song, problem } = await addSharedSong();
  if (problem) showNotice(problem);
  else (await setlist()).showSong(song);
}

/** Shows uploads that completed after an earlier visit, and tells which others can be resumed. */
async function checkUploads() {
  if (!library.hasUnfinished()) return;
  const { checkUnfinishedUploads } = await import("./resume-uploads.js");
  const { songs: arrived, messages } = await checkUnfinishedUploads();
  for (const song of arrived) (await setlist()).showSong(song);
  messages.forEach(showNotice);
}

async function openWorkersPanel() {
  const { WorkersPanel } = await import("./workers/panel.js");
  new WorkersPanel({ titleOf: (id) => songs?.titleOf(id) });
}

fillTexts();
acceptFiles({
  button: byId("choose"),
  input: byId("file"),
  folderButton: byId("choose-folder"),
  folderInput: byId("folder"),
  onFiles,
  onFolder,
});
const offered = offerModels();
for (const intent of ["pointerenter", "focus"]) byId("choose").addEventListener(intent, setlist, { once: true });
addEventListener("dragenter", setlist, { once: true });
await openSharedSong();
const checked = checkUploads();
addEventListener("hashchange", openSharedSong);
if (library.saved().length) await setlist();
await Promise.race([Promise.all([offered, checked]), new Promise((resolve) => setTimeout(resolve, MODELS_TIMEOUT_MS))]);
document.documentElement.toggleAttribute("data-awake", true);
openWorkersPanel();
// Last, for the next visit: the service worker opens the page without the server.
if (isSecureContext) navigator.serviceWorker?.register("/sw.js").catch(() => {});
