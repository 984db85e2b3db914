// Wires the page: words into their places, songs in by any way, uploads into cards, keys to the card in use.

import * as api from "./api.js";
import { announce } from "./announcer.js";
import { takeIn } from "./drop.js";
import { listenToKeys } from "./keys.js";
import * as library from "./library.js";
import { add, currentCard, openSetlist } from "./setlist.js";
import { text } from "./strings.js";
import { ACCEPT, refusal, upload } from "./upload.js";

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
  const select = byId("model");
  select.replaceChildren(...offer.models.map((model) => new Option(model.title || model.name, model.name, false, model.name === offer.default)));
  const describe = () => {
    byId("model-description").textContent = offer.models.find((m) => m.name === select.value)?.description ?? "";
  };
  select.addEventListener("change", describe);
  describe();
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

function takeFiles(files) {
  byId("notices").replaceChildren();
  const good = files.filter((file) => {
    const sentence = refusal(file, limits);
    if (sentence) refuse(sentence);
    return !sentence;
  });
  // Cards are put on top, so the first file of several comes last and stands first.
  const cards = good.map(() => null);
  for (let i = good.length - 1; i >= 0; i -= 1) cards[i] = add(good[i].name);
  const now = Date.now();
  good.forEach((file, i) => send(file, cards[i], now - i));
}

function send(file, card, added) {
  const model = byId("model-choice").hidden ? null : byId("model").value;
  card.uploading("waiting");
  card.withdrawWith(
    upload(file, model, {
      begun: () => card.uploading("uploading", { fraction: 0 }),
      progress: ({ fraction, secondsLeft }) =>
        fraction < 1 ? card.uploading("uploading", { fraction, secondsLeft }) : card.uploading("arrived"),
      busy: (seconds) => card.uploading("busy", { words: text.state.busy(seconds) }),
      accepted: ({ id, passcode }) => {
        library.remember({ id, passcode, name: file.name, added });
        card.follow({ id, passcode });
      },
      failed: (problem) => card.fail(problem, problem.status === 0 || problem.status >= 500 ? () => send(file, card, added) : null),
    }),
  );
}

fillWords();
openSetlist(byId("setlist"));
takeIn({ button: byId("choose"), input: byId("file"), onFiles: takeFiles, onFolder: refuse });
listenToKeys(currentCard);
offerModels();
document.documentElement.toggleAttribute("data-awake", true);
