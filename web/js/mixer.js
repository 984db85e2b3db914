// The mixer: a channel strip per stem with fader, mute, solo and downloads. A stem that is a sum of others has no fader.

import { downloadUrl } from "./api.js";
import { share, stemName, text } from "./strings.js";

/** Fader position of level 1. */
const FULL = 100;

export class Mixer {
  #root;
  #list;
  #player;
  #shown = "";
  #strips = new Map();

  constructor({ strips, stripList }, player) {
    [this.#root, this.#list, this.#player] = [strips, stripList, player];
    player.addEventListener("mix", () => this.#render());
  }

  /** `stems` as in the API's track; the downloads of track `id` are enabled when it is `ready`. */
  show(stems, { id, ready }) {
    const names = stems.map((stem) => stem.name + stem.formats.join() + stem.multitrack).join("|");
    if (this.#shown !== names) this.#build(stems, names);
    for (const link of this.#root.querySelectorAll("a")) setAddress(link, ready ? id : null);
    for (const { fader, mute, solo } of this.#strips.values()) for (const control of [fader, mute, solo]) control.disabled = id === null;
    this.#render();
  }

  #build(stems, names) {
    this.#shown = names;
    this.#strips.clear();
    this.#list.replaceChildren(...stems.map((stem) => this.#strip(stem)));
  }

  #strip(stem) {
    const root = document.getElementById("strip-template").content.firstElementChild.cloneNode(true);
    const part = (name) => root.querySelector(`[data-part=${name}]`);
    const name = stemName(stem.name);
    root.setAttribute("aria-label", name);
    root.dataset.stem = stem.name;
    part("name").textContent = name;
    part("formats").append(...stem.formats.map((format) => downloadLink(stem.name, format)));
    if (stem.multitrack === null) part("channel").remove();
    else this.#wire(stem.name, { root, fader: part("fader"), mute: part("mute"), solo: part("solo") });
    return root;
  }

  #wire(stem, strip) {
    const { fader, mute, solo } = strip;
    const name = stemName(stem);
    for (const [button, words] of [[mute, text.muteOf(name)], [solo, text.soloOf(name)]]) button.setAttribute("aria-label", words);
    [mute.textContent, solo.textContent] = [text.mute, text.solo];
    fader.setAttribute("aria-label", text.levelOf(name));
    fader.addEventListener("input", () => this.#player.mix(stem, { level: fader.valueAsNumber / FULL, muted: false }));
    fader.addEventListener("dblclick", () => this.#player.mix(stem, { level: 1 }));
    mute.addEventListener("click", () => this.#player.mix(stem, { muted: !this.#stripOf(stem).muted }));
    solo.addEventListener("click", () => this.#player.mix(stem, { solo: !this.#stripOf(stem).solo }));
    this.#strips.set(stem, strip);
  }

  #stripOf(stem) {
    return this.#player.strips.find((s) => s.name === stem);
  }

  #render() {
    for (const [stem, { root, fader, mute, solo }] of this.#strips) {
      const state = this.#stripOf(stem);
      if (!state) continue;
      fader.value = Math.round(state.level * FULL);
      fader.setAttribute("aria-valuetext", share(state.level));
      fader.style.setProperty("--at", state.level / 1.5);
      mute.setAttribute("aria-pressed", state.muted);
      solo.setAttribute("aria-pressed", state.solo);
      root.toggleAttribute("data-audible", this.#player.isAudible(stem));
    }
  }
}

function downloadLink(stem, format) {
  const link = document.createElement("a");
  link.textContent = format.toUpperCase();
  link.dataset.stem = stem;
  link.dataset.format = format;
  link.setAttribute("role", "link");
  link.setAttribute("aria-label", text.download(stemName(stem), format.toUpperCase()));
  return link;
}

/** Sets the link to the download of track `id`, or disables it when `id` is null. */
function setAddress(link, id) {
  if (id !== null) {
    link.href = downloadUrl(id, link.dataset.stem, link.dataset.format);
    link.download = "";
    link.removeAttribute("aria-disabled");
  } else {
    link.removeAttribute("href");
    link.setAttribute("aria-disabled", "true");
  }
}
