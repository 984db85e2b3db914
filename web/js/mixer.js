// One strip a stem: its fader, mute and solo, and its downloads. Sums of stems can be downloaded, not mixed.

import { downloadUrl } from "./api.js";
import { share, stemName, text } from "./strings.js";

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

  /** `stems` as the server tells them; downloads of track `id` are there when it is `ready`. */
  show(stems, { id, ready }) {
    const names = stems.map((stem) => stem.name + stem.formats.join() + stem.multitrack).join("|");
    if (this.#shown !== names) this.#build(stems, names);
    for (const link of this.#root.querySelectorAll("a")) address(link, ready ? id : null);
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
    mute.addEventListener("click", () => this.#player.mix(stem, { muted: !this.#of(stem).muted }));
    solo.addEventListener("click", () => this.#player.mix(stem, { solo: !this.#of(stem).solo }));
    this.#strips.set(stem, strip);
  }

  #of(stem) {
    return this.#player.strips.find((s) => s.name === stem);
  }

  #render() {
    for (const [stem, { root, fader, mute, solo }] of this.#strips) {
      const state = this.#of(stem);
      if (!state) continue;
      fader.value = Math.round(state.level * FULL);
      fader.setAttribute("aria-valuetext", share(state.level));
      fader.style.setProperty("--at", state.level / 1.5);
      mute.setAttribute("aria-pressed", state.muted);
      solo.setAttribute("aria-pressed", state.solo);
      root.toggleAttribute("data-heard", this.#player.isHeard(stem));
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

/** Downloads have an address only when they are there. */
function address(link, id) {
  if (id !== null) {
    link.href = downloadUrl(id, link.dataset.stem, link.dataset.format);
    link.download = "";
    link.removeAttribute("aria-disabled");
  } else {
    link.removeAttribute("href");
    link.setAttribute("aria-disabled", "true");
  }
}
