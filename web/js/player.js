// Plays one stem of one song at a time, also while it is still being separated, and crosses over between stems.

const CROSSING_MS = 90;
const CROSSING_STEPS = 6;
const AUDIBLE_LAG_S = 0.03;

let onStage = null;
const listeners = new Set();

/** The player that was started last, or null. */
export const playerOnStage = () => onStage;
/** Calls back whenever any player starts, waits or stops. */
export const onPlaying = (listener) => listeners.add(listener);

/** Fires `state` (playing, waiting or failed changed) and `time`. */
export class Player extends EventTarget {
  playing = false;
  waiting = false;
  failed = false;
  #urlOf;
  #renew;
  #stem = null;
  #deck = null;
  #incoming = null;
  #time = 0;
  #renewed = false;

  /** `urlOf(stem)` gives the address of a stem; `renew()` asks for access again after an error. */
  constructor({ urlOf, renew }) {
    super();
    this.#urlOf = urlOf;
    this.#renew = renew;
  }

  get time() {
    return this.#time;
  }

  get stem() {
    return this.#stem;
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  play() {
    if (onStage !== this) {
      onStage?.leave();
      onStage = this;
    }
    this.failed = false;
    this.playing = true;
    this.waiting = true;
    if (this.#deck?.ended) this.seek(0);
    this.#start(this.#deck ?? this.#load(this.#stem));
    this.#changed();
  }

  pause() {
    this.playing = false;
    this.waiting = false;
    this.#dropIncoming();
    this.#deck?.pause();
    this.#changed();
  }

  /** Also a paused seek reaches the server at once, so that it separates that part next. */
  seek(seconds) {
    this.#time = Math.max(0, seconds);
    this.#dropIncoming();
    const deck = this.#deck ?? this.#load(this.#stem);
    deck.currentTime = this.#time;
    this.dispatchEvent(new Event("time"));
  }

  setStem(stem) {
    if (stem === this.#stem) return;
    this.#stem = stem;
    if (!this.#deck) return;
    if (this.playing && !this.#deck.paused) this.#cross(stem);
    else {
      this.#unload();
      this.#load(stem);
    }
  }

  /** Gives its connection back; the position stays. */
  leave() {
    this.pause();
    this.#unload();
    if (onStage === this) onStage = null;
  }

  #load(stem) {
    this.#deck = this.#makeDeck(stem);
    return this.#deck;
  }

  #makeDeck(stem) {
    const deck = new Audio();
    deck.preload = "auto";
    deck.src = this.#urlOf(stem);
    deck.currentTime = this.#time;
    deck.addEventListener("loadedmetadata", () => {
      if (Math.abs(deck.currentTime - this.#time) > AUDIBLE_LAG_S) deck.currentTime = this.#time;
    });
    const whenLive = (event, act) => deck.addEventListener(event, () => deck === this.#deck && act());
    whenLive("timeupdate", () => this.#tick(deck));
    whenLive("waiting", () => this.#setWaiting(this.playing));
    whenLive("seeking", () => this.#setWaiting(this.playing));
    whenLive("playing", () => this.#setWaiting(false));
    whenLive("seeked", () => this.#setWaiting(this.playing && deck.readyState < 3));
    whenLive("ended", () => this.pause());
    whenLive("pause", () => this.playing && !deck.ended && this.pause());
    whenLive("play", () => !this.playing && this.play());
    whenLive("error", () => this.#recover());
    return deck;
  }

  #start(deck) {
    deck.volume = 1;
    deck.play().catch((error) => {
      // An AbortError only says that something newer was asked for meanwhile.
      if (error.name === "NotAllowedError" && deck === this.#deck) this.pause();
    });
  }

  /** Lets the other stem catch up silently, then fades over, so that the song never stops. */
  #cross(stem) {
    this.#dropIncoming();
    const incoming = this.#makeDeck(stem);
    this.#incoming = incoming;
    incoming.volume = 0;
    const takeOver = () => {
      if (this.#incoming !== incoming) return;
      const outgoing = this.#deck;
      this.#incoming = null;
      this.#deck = incoming;
      this.#setWaiting(false);
      fade(outgoing, incoming);
    };
    const catchUp = () => {
      if (this.#incoming !== incoming) return;
      if (Math.abs(incoming.currentTime - this.#deck.currentTime) < AUDIBLE_LAG_S) return takeOver();
      incoming.addEventListener("seeked", takeOver, { once: true });
      incoming.currentTime = this.#deck.currentTime;
    };
    incoming.addEventListener("playing", catchUp, { once: true });
    incoming.addEventListener("error", () => {
      if (this.#incoming !== incoming) return;
      this.#dropIncoming();
      this.#unload();
      this.#start(this.#load(stem));
    });
    incoming.play().catch(() => {});
  }

  #dropIncoming() {
    if (!this.#incoming) return;
    silence(this.#incoming);
    this.#incoming = null;
    // The stem was chosen but never arrived: what is loaded next must be the chosen one.
    this.#unload();
    const deck = this.#load(this.#stem);
    if (this.playing) this.#start(deck);
  }

  #unload() {
    if (this.#deck) silence(this.#deck);
    this.#deck = null;
  }

  #tick(deck) {
    this.#renewed = false;
    this.#time = deck.currentTime;
    this.dispatchEvent(new Event("time"));
  }

  #setWaiting(waiting) {
    if (this.waiting === waiting) return;
    this.waiting = waiting;
    this.#changed();
  }

  /** An error is most often a lost cookie: ask for the track once, which sets it again, and go on from here. */
  async #recover() {
    const wasPlaying = this.playing;
    this.#unload();
    if (!this.#renewed) {
      this.#renewed = true;
      const renewed = await this.#renew().then(() => true, () => false);
      if (renewed && !this.#deck && onStage === this) {
        const deck = this.#load(this.#stem);
        if (wasPlaying) this.#start(deck);
        return;
      }
    }
    this.playing = false;
    this.waiting = false;
    this.failed = true;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("state"));
    for (const listener of listeners) listener(this);
  }
}

function silence(deck) {
  deck.pause();
  deck.removeAttribute("src");
  deck.load();
}

function fade(outgoing, incoming) {
  let step = 0;
  const timer = setInterval(() => {
    step += 1;
    const share = Math.min(1, step / CROSSING_STEPS);
    incoming.volume = Math.sin((share * Math.PI) / 2);
    outgoing.volume = Math.cos((share * Math.PI) / 2);
    if (share === 1) {
      clearInterval(timer);
      silence(outgoing);
    }
  }, CROSSING_MS / CROSSING_STEPS);
}
