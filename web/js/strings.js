// Every English text on the page, and the formats of times, sizes and names. One file, because it is a table of texts.

const WORD_FOR_STEM = { instrumental: "Instrumental", vocals: "Vocals" };

export const stemName = (name) =>
  WORD_FOR_STEM[name] ?? capital(name).replaceAll("_", " ");

/** 75.4 → "1:15", 3675 → "1:01:15" */
export function clock(seconds) {
  if (!Number.isFinite(seconds)) return "–:––";
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** 75.43 → "1:15.4" */
export const tenths = (seconds) => `${clock(Math.floor(seconds * 10 + 1e-6) / 10)}.${Math.floor(seconds * 10 + 1e-6) % 10}`;

/** 75 → "1 minute 15 seconds", for screen readers */
export function spokenTime(seconds) {
  const whole = Math.max(0, Math.round(seconds || 0));
  const count = (n, unit) => (n ? `${n} ${unit}${n === 1 ? "" : "s"}` : "");
  const parts = [
    count(Math.floor(whole / 3600), "hour"),
    count(Math.floor(whole / 60) % 60, "minute"),
    count(whole % 60, "second"),
  ].filter(Boolean);
  return parts.join(" ") || "0 seconds";
}

/** A remaining time, rounded as a person would say it. */
export function timeLeft(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 2) return "almost there";
  if (seconds < 10) return `${Math.round(seconds)} s left`;
  if (seconds < 60) return `about ${Math.round(seconds / 5) * 5} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${Math.round(seconds / 3600)} h left`;
}

export function bytes(n) {
  if (n < 1e6) return `${Math.max(1, Math.round(n / 1e3))} kB`;
  if (n < 1e9) return `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB`;
  return `${(n / 1e9).toFixed(1).replace(".0", "")} GB`;
}

const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

const minuteOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

/** The time of day, to the minute. */
export const clockMinute = (date) => minuteOfDay.format(date);

/** The time of day, to the second. */
export const clockTime = (date) => timeOfDay.format(date);

/** "part 3" at the beginning of a sentence */
export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** A progress in whole percent, rounded down: 100 % only at the end. */
export const percent = (fraction) => `${Math.floor(fraction * 100)} %`;

/** A fraction in whole percent. */
export const share = (fraction) => `${Math.round(fraction * 100)} %`;

/** An amount of money in a currency of ISO 4217; small rates keep the digits that they need. */
export const money = (amount, currency) =>
  new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: 4 }).format(amount);

const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const decimals = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

export const text = {
  brand: "Karaoke",
  skip: "Skip to your songs",
  headlineStart: "Take out the singer.",
  headlineEnd: "Step in.",
  lead: "Drop a song anywhere on this page. You can sing over its first seconds while the rest is still on its way.",
  choose: "Choose songs",
  paste: "or drop or paste them here",
  formats: "MP3, M4A, FLAC, WAV, Ogg, Opus, AIFF, or the sound of a video",
  limits: (size, seconds) =>
    `Up to ${bytes(size)}` + (seconds ? ` and ${spokenTime(seconds)} a song.` : " a song."),
  model: "Separated with",
  presets: "By what you want",
  models: "By model",
  preset: (title, model) => `${title} (${model})`,
  compare: "Compare the models",
  comparison: ["Model", "Vocals, instrumental", "Measured on", "Speed here", "Size", "Licence"],
  quality: (vocals, instrumental) => [vocals, instrumental].map((sdr) => (sdr == null ? "–" : `${sdr.toFixed(1)} dB`)).join(", "),
  speed: (times) => (times ? `${times < 10 ? times.toFixed(1) : Math.round(times)} × realtime` : "not measured yet"),
  size: (size) => (size ? bytes(size) : "unknown"),
  fetching: (title, have, total) =>
    `${title} is being fetched (${total ? `${bytes(have)} of ${bytes(total)}` : bytes(have)}): songs sound better once it is here.`,
  fetchWaits: (title) => `${title} would sound better, but cannot be fetched now. It is tried again.`,
  licence: (licence, restriction) => `Licence ${licence}: ${restriction}`,
  dragging: "Let go. The stage is yours.",
  setlist: "Your songs",
  dismiss: "Dismiss",
  untitled: "Untitled",

  state: {
    waiting: "Waiting to be uploaded",
    uploading: "Uploading",
    arrived: "Uploaded, reading the song",
    busy: (s) => `The server is busy. Trying again in ${Math.ceil(s)} s`,
    opening: "Opening",
    queued: "Waiting for its turn",
    decoding: "Reading the song",
    separating: "Taking out the singer",
    finishing: "Last touches",
    done: "Ready to sing",
    failed: "Did not work",
    cancelled: "Stopped",
  },
  reconnecting: "Connection lost, reconnecting",
  ready: (seconds) => `The first ${clock(seconds)} can be played`,
  waitingFor: (seconds) => `Separating ${clock(seconds)} next`,
  buffering: "Loading",
  unplayable: "This part could not be played. Press play to try again.",

  play: (title) => `Play ${title}`,
  pause: (title) => `Pause ${title}`,
  progress: (title) => `Progress of ${title}`,
  shortcuts: "Shortcuts",
  shortcutsTitle: "Keyboard shortcuts",
  shortcutsClose: "Close",
  /** Keys, and what they do. */
  shortcutList: [
    [["Space"], "Play and pause"],
    [["←", "→"], "Five seconds back and on"],
    [["Home"], "To the beginning"],
    [["G"], "The singer's voice in and out"],
    [["−", "+"], "Lower and raise the key by a semitone"],
    [[",", "."], "Slower and faster"],
    [["L"], "Begin a loop, end it, leave it"],
    [["/"], "Search your songs"],
    [["?"], "This list"],
  ],
  listen: "Mix",
  mute: "Mute",
  solo: "Solo",
  muteOf: (stem) => `Mute ${stem}`,
  soloOf: (stem) => `Solo ${stem}`,
  levelOf: (stem) => `${stem} level`,
  tools: "Key, tempo and loop",
  keyName: "Key",
  keyLower: "Lower the key by a semitone",
  keyHigher: "Raise the key by a semitone",
  keyValue: (semitones) => (semitones ? `${semitones > 0 ? "+" : "−"}${Math.abs(semitones)}` : "0"),
  tempoName: "Tempo",
  loopFrom: "Loop from here",
  loopTo: (from) => `Loop ${from} to here`,
  loopOff: (from, to) => `Looping ${from}–${to}`,
  noStretching: "Key and tempo cannot be changed here: the server lacks the library for it.",
  position: "Position in the song",
  positionValue: (now, length) => `${spokenTime(now)} of ${spokenTime(length)}`,
  download: (stem, format) => `Download ${stem} as ${format}`,
  stop: "Stop",
  stopSure: "Really stop?",
  remove: "Remove",
  removeSure: "Remove for good?",
  of: (action, title) => `${action} ${title}`,
  retry: "Try again",

  map: "Parts of the song",
  part: ({ first, last, total, start, end }) =>
    (first === last ? `Part ${first}` : `Parts ${first} to ${last}`) +
    ` of ${total}, ${clock(start)} to ${clock(end)}`,
  partState: {
    pending: "not begun",
    queued: "in line",
    working: "being separated",
    done: "done",
    failed: "failed",
  },
  partWorker: (worker) => ` by ${worker}`,
  partSeconds: (seconds) => ` in ${seconds.toFixed(1)} s`,
  partAttempt: (attempt) => `, attempt ${attempt}`,
  partFailures: (times) => `, came back ${times === 1 ? "once" : `${times} times`}`,
  partCount: (done, all) => `${done} of ${all} done`,
  partsRetried: (n) => `, ${n} tried again`,

  workersTitle: "Workers",
  workersList: "Workers",
  eventLog: "What happened",
  brokerBanner: "The broker is not connected. Songs are accepted all the same, and wait until it is back.",
  noEvents: "Nothing has happened yet.",
  workersPanel: {
    nobody: "No workers",
    nobodyForSongs: "No workers: songs wait until one joins",
    count: (n, word) => (n ? `${n} ${word}` : ""),
    workers: (n) => `${n} worker${n === 1 ? "" : "s"}`,
    summary: { working: "busy", resting: "resting", drained: "drained", suspect: "silent", crashed: "crashed", gone: "gone" },
    disconnected: "Broker not connected: songs wait",
    status: {
      idle: "Idle",
      working: "Working",
      resting: "Resting",
      suspect: "Silent",
      gone: "Gone",
      left: "Left",
      crashed: "Crashed",
      drained: "Drained",
    },
    part: (chunk, title) => `part ${chunk + 1}` + (title ? ` of ${title}` : ""),
    retried: "again",
    idle: "waits for a part",
    lastSeen: (date) => `last heard ${clockTime(date)}`,
    goesBack: (part) => `${part} goes back`,
    wentTo: (part, worker) => `${part} went to ${worker}`,
    counts: { served: "done", failures: "failed", lost: "lost", refused: "refused" },
    cpu: (load) => `CPU ${Math.round(load * 100)} %`,
    about: ({ host, pid, provider, provider_why, threads, models, uptime_s }) =>
      [
        host,
        `process ${pid}`,
        provider && (provider_why ? `${provider}: ${provider_why}` : provider),
        threads && `${threads} thread${threads === 1 ? "" : "s"}`,
        models.join(", "),
        `up ${clock(uptime_s)}`,
      ]
        .filter(Boolean)
        .join(" · "),
    metrics: {
      tracks: "Songs",
      backlog: "Parts waiting",
      inFlight: "Handed out",
      begun: "In work",
      cpu: "CPUs busy",
      broker: "Queue",
    },
    ofAtMost: (n, bound) => `${n} of ${bound}`,
    broker: (connected) => (connected ? "connected" : "not connected"),
    many: (n) => `${n} problems with the workers.`,
    brokerLost: "The broker is not connected. Songs wait.",
    brokerBack: "The broker is connected again.",
  },

  record: {
    open: "Record yourself",
    label: (title) => `Record yourself to ${title}`,
    record: "Record",
    stop: "Stop recording",
    again: "Record again",
    meter: "Microphone level",
    level: (db) => (db <= -60 ? "silent" : `${db} decibels`),
    countIn: "Count me in",
    monitor: "Hear myself",
    count: (n) => `${n}`,
    measure: "Measure the delay",
    measuring: "Clicks are played now. Let the microphone hear them.",
    measured: (seconds) => `Measured: your voice comes in ${Math.round(seconds * 1000)} ms late, and is moved by that.`,
    notDetected: "The microphone did not hear the clicks. Turn the loudspeakers up, hold a headphone to the microphone, and try again.",
    delay: ({ seconds, measured }) => `Delay ${Math.round(seconds * 1000)} ms, ${measured ? "measured" : "as the device tells"}`,
    noDelay: "Delay not known yet",
    state: {
      closed: "The microphone is off. Nothing that you record leaves this browser.",
      opening: "Allow the microphone, if the browser asks.",
      ready: "Ready when you are. Headphones keep the song out of your microphone.",
      measuring: "Clicks are played now. Let the microphone hear them.",
      counting: "Get ready",
      starting: "Waiting for the song",
      recording: "On air",
      finishing: "Catching your last note",
      review: "Listen back, put your voice where it belongs, and take it with you.",
    },
    refused: "The microphone is not allowed: allow it for this page in the browser's address bar, then press Record.",
    noMicrophone: "There is no microphone: plug one in, then press Record.",
    busyMicrophone: "The microphone cannot be opened: close other programs that use it, then press Record.",
    insecure: "Browsers lend the microphone only to safe addresses: open this page by https, or as http://localhost.",
    cannotJoin: "This browser cannot record at the song's sample rate: set the microphone to 44.1 kHz, or try Chromium.",
    done: (length) => `Recorded ${length}.`,
    listen: "Listen to the recording",
    pause: "Pause the recording",
    position: "Position in the recording",
    voice: "Your voice",
    song: "The song",
    shift: "Move the voice",
    shiftValue: (ms) => (ms ? `${ms > 0 ? "+" : "−"}${Math.abs(ms)} ms` : "0 ms"),
    shiftSpoken: (ms) => (ms ? `${Math.abs(ms)} milliseconds ${ms > 0 ? "later" : "earlier"}` : "where it was sung"),
    mix: "Download the mix",
    alone: "Download the voice alone",
    mixFile: (title) => `${title} (my mix).wav`,
    voiceFile: (title) => `${title} (my voice).wav`,
    saved: (name) => `${name} is saved.`,
  },

  offline: {
    keep: (size) => `Keep offline (${size})`,
    keeping: (fraction) => `Keeping ${percent(fraction)}`,
    kept: (size) => `Kept offline (${size})`,
    removeSure: "Take it off this device?",
    noSpace: (size) => `There is no room for ${size} in this browser: take another song off this device, or free some space.`,
    failed: "The song could not be kept: the connection was lost. Press again to go on.",
    done: (title) => `${title} is kept on this device, and plays without the server.`,
    removed: (title) => `${title} is no longer kept on this device.`,
  },

  announce: {
    added: (title) => `${title}: upload begun.`,
    decoding: (title) => `${title}: uploaded, reading the song.`,
    playable: (title) => `${title}: the first seconds can be played.`,
    percent: (title, p) => `${title}: ${p} percent.`,
    done: (title) => `${title}: ready to sing and to download.`,
    failed: (title, why) => `${title}: ${why}`,
    cancelled: (title) => `${title}: stopped.`,
    removed: (title) => `${title}: removed.`,
  },

  rejected: {
    empty: (name) => `“${name}” is empty.`,
    type: (name) => `“${name}” is not audio or video.`,
    size: (name, size, limit) => `“${name}” is ${bytes(size)}; the limit here is ${bytes(limit)}.`,
    noSongs: (name) => `There are no songs in the folder “${name}”.`,
    others: (name, n) => `Of the folder “${name}”, ${n === 1 ? "one file is no song and was" : `${n} files are no songs and were`} left out.`,
  },

  folder: "Choose a folder",
  uploads: {
    progress: (fraction, speed, secondsLeft) =>
      ["Uploading", percent(fraction), speed > 0 && `${bytes(speed)}/s`, timeLeft(secondsLeft)].filter(Boolean).join(" · "),
    lost: (fraction, seconds) =>
      `Connection lost at ${percent(fraction)}, trying again` + (seconds >= 1 ? ` in ${Math.ceil(seconds)} s` : ""),
    elsewhere: (seconds) => `Another window uploads this file. Looking again in ${Math.ceil(seconds)} s`,
    unfinished: (name, fraction) =>
      `“${name}” has arrived to ${percent(fraction)}. Choose it again with the same model, and it goes on from there.`,
    announceLost: (title) => `${title}: connection lost. The upload goes on when it is back.`,
    announceBack: (title) => `${title}: connected again, the upload goes on.`,
    unreadable: "The file cannot be read any more",
    unreadableDetail: (name) => `“${name}” was moved, changed or deleted while it was being uploaded. Choose it again.`,
  },
  library: {
    search: "Search your songs",
    searchWord: "Search",
    searchHint: "Search (press /)",
    found: (n, all) => `${n} of ${all} songs`,
    nothing: (words) => `None of your songs matches “${words}”.`,
    batch: "Download several",
    chosenSongs: "Songs",
    all: "All of them",
    what: "What of them",
    instrumental: "The instrumental",
    everything: "Every stem",
    format: "As",
    formats: { mp3: "MP3", flac: "FLAC", wav: "WAV" },
    fetch: (n) => (n === 1 ? "Download 1 song" : `Download ${n} songs`),
    close: "Close",
    preparing: "Preparing the download",
    begun: "The download has begun.",
  },
  share: {
    share: "Share",
    of: (title) => `Share ${title}`,
    explain: "Copies a link. Whoever has it can listen to this song, download it and remove it.",
    copied: "Link copied",
    announceCopied: (title) => `The link to ${title} was copied. Whoever has it can listen, download and remove the song.`,
    byHand: "Copy this link:",
    broken: "This link is not complete. Ask for it again.",
    gone: "The song behind this link is gone, or the link is wrong.",
    offline: "The song behind this link could not be reached. Open the link again when you are connected.",
    taken: (title) => `${title} was added to your songs.`,
  },

  notifyLabel: "Tell me here when a song is ready",
  emailLabel: "Send mail to",
  notify: {
    done: (title) => `“${title}” is ready to sing.`,
    failed: (title) => `“${title}” did not work.`,
    blocked: "Your browser does not let this page notify you. Its settings for this page can allow it.",
  },
  deadlineLabel: "Needed",
  deadline: {
    none: "whenever it is done",
    within: (minutes) => (minutes < 60 ? `within ${minutes} minutes` : "within an hour"),
    likely: (time) => `in time for ${time}`,
    unlikely: (time) => `hardly in time for ${time}`,
    met: (time) => `in time for ${time}`,
    missed: (time) => `too late for ${time}`,
  },
  receipt: {
    link: "Receipt",
    linkOf: (title) => `Receipt of ${title}`,
    of: (song) => `Receipt: ${song}`,
    print: "Print",
    broken: "This address is not complete. Open the receipt from the song.",
    received: (date) => dateAndTime.format(date),
    seconds: (s) => `${s.toFixed(s < 100 ? 2 : 1)} s`,
    quantity: (n, unit) => `${decimals.format(n)} ${unit === "minute" ? "min" : "s"}`,
    failure: ({ outcome, worker, why, seconds }) => {
      const what = { lost: "lost", returned: "handed back", refused: "refused", spare: "came second" }[outcome] ?? outcome;
      return `${worker}: ${what}${seconds ? ` after ${seconds.toFixed(1)} s` : ""} (${why})`;
    },
    times: {
      title: "Time",
      queue: "Waiting for a decoder",
      decode: "Decoding and splitting",
      separate: "Separating",
      worker: "of that, until the first worker began",
      merge: "Merging",
      total: "From the upload to the end",
    },
    price: {
      title: "Price", what: "What", quantity: "Quantity", rate: "Each", amount: "Amount",
      audio: "Sound", compute: "Computing", total: "Total",
    },
    workers: {
      title: "Computing", worker: "Worker", chunks: "Chunks", failed: "Failed", seconds: "Seconds",
      total: "All workers", wasted: "In vain, on attempts that brought nothing",
    },
    bytes: { title: "Network", up: "Uploaded", down: "Stems sent" },
    chunks: { title: "Chunks", place: "Place", attempts: "Attempts", failures: "What failed" },
  },

  keep: {
    keep: "Keep",
    kept: "Kept",
    of: (title) => `Keep ${title}`,
    explain: (hours, forRoom) => {
      const age = hours && `${hours === 1 ? "an hour" : `${hours} hours`} after they are ready`;
      return `This server removes songs ${[age, forRoom && "when it needs room"].filter(Boolean).join(" or ")}. A kept one stays.`;
    },
    announceKept: (title) => `${title} is kept.`,
    announceReleased: (title) => `${title} may be removed by the server.`,
  },

  operatorLink: "For the operator",
  operator: {
    title: "Operator",
    about: "Machines, workers and notifications of this server, for who has the admin key (http.admin_key).",
    key: "Admin key",
    open: "Open",
    wrongKey: "This is not the admin key of this server.",
    machines: "Machines",
    machine: "Machine",
    workers: "Workers",
    worker: "Worker",
    alive: "Alive",
    aliveOf: (alive, all) => `${alive} of ${all}`,
    state: "State",
    counts: { runs: "Runs", crashes: "Crashes", failures: "Failures", served: "Chunks", refused: "Refused", lost: "Lost" },
    firstSeen: "First seen",
    lastSeen: "Last seen",
    date: (date) => dateAndTime.format(date),
    orders: "Orders",
    order: { drain: "Drain", stop: "Stop", restart: "Restart" },
    orderOf: (kind, worker) => `${capital(kind)} ${worker}`,
    notifications: "Told of every song",
    target: "Target",
    events: "Events",
    newTarget: "New webhook",
    add: "Add",
    secret: (secret) => `Its secret, shown this once: ${secret}`,
    enabled: "on",
    disabled: (why) => `off: ${why}`,
    test: "Test",
    testOf: (target) => `Test ${target}`,
    remove: "Remove",
    removeOf: (target) => `Remove ${target}`,
    arrived: "The test has arrived.",
    notArrived: "The test has not arrived",
    none: "None.",
  },

  /** The page of the API. */
  reference: {
    title: (name) => `${name}: API`,
    version: (version) => `Version ${version}.`,
    document: "The same as an OpenAPI document",
    find: "Find",
    missing: "The description of the API did not come",
    tryAgain: "Load the page again.",
    schemas: "Schemas",
    aboutSchemas: "What is sent and answered as JSON.",
    parameters: "Parameters",
    body: "Body",
    answers: "Answers",
    headers: (names) => `With ${names.join(", ")}`,
    in: { path: "In the address", query: "In the query", header: "A header", cookie: "A cookie" },
    open: "Open to everybody.",
    opensWith: (names) => `Opens with ${names.join(", or ")}.`,
    nothing: "nothing",
    scheme: { passcode: "the track’s passcode", cookie: "its cookie", key: "an API key", admin: "the admin key" },
    tag: {
      tracks: "Tracks", stems: "Stems", lyrics: "Lyrics", uploads: "Resumable uploads", notifications: "Notifications",
      archive: "Archives", system: "System",
    },
    listOf: "list of ",
    mapOf: "map of ",
    bytes: "bytes",
    anything: "anything",
    optional: ", optional",
    oneOf: (values) => `one of ${values.join(", ")}`,
    and: " and ",
    or: " or ",
  },

  problem: {
    network: "The connection was lost",
    networkDetail: "The song did not arrive.",
    refused: "The server refused this song",
    unknown: "Something went wrong",
    cancelled: "Stopped before the end",
    cancelledDetail: "Nothing more of this song is being separated.",
    actionFailed: (action) => `${action} did not work. Please try again.`,
  },
  lyrics: {
    button: "Lyrics",
    of: (title) => `Lyrics of ${title}`,
    stage: "Stage",
    stageOf: (title) => `Stage for ${title}`,
    second: "Second screen",
    secondOf: (title) => `Second screen for ${title}`,
    lines: (title) => `Lines of ${title}`,
    none: "No lyrics yet. Drop a file (.lrc, UltraStar .txt, .srt, plain text) on this song, choose one, or write them here.",
    loading: "Looking for lyrics",
    choose: "Choose a lyrics file",
    edit: "Write and time",
    remove: "Remove lyrics",
    removeSure: "Really remove?",
    follow: "Back to the song",
    drop: "Let go: lyrics for this song",
    source: ({ source, synced }) =>
      (source === "tags" ? "From the file" : "Added by hand") + (synced ? "" : ", without times"),
    added: (title, { synced, lines }) =>
      `${title}: ${lines.length} line${lines.length === 1 ? "" : "s"} of lyrics` + (synced ? ", in time." : ", without times."),
    unread: (numbers) =>
      `${numbers.length === 1 ? "One line has a time" : `${numbers.length} lines have times`} that cannot be read: ` +
      `${numbers.slice(0, 8).join(", ")}${numbers.length > 8 ? " …" : ""}.`,
    removed: (title) => `${title}: lyrics removed.`,
    failed: (why) => `The lyrics were not taken. ${why}`,
    tooLarge: "A file of lyrics is never that large.",
  },
  stage: {
    of: (title) => `Stage: ${title}`,
    title: "Stage · Karaoke",
    close: "Leave the stage",
    fullScreen: "Full screen",
    window: "On a second screen",
    lyrics: "Lyrics",
    progress: "Position in the song",
    controls: "Controls",
    play: "Play",
    pause: "Pause",
    keys: "Space plays and pauses, left and right move, up and down go from line to line, Escape leaves.",
    waiting: "The stage is set",
    waitingHint: "Play a song on the karaoke page in this browser, and it appears here.",
    blocked: "The browser did not let a second window open. Allow it for this page, then try again.",
  },
  editor: {
    title: (title) => `Write and time the lyrics of ${title}`,
    words: "The words, a line for each line that is sung",
    time: "Time the lines",
    saveText: "Save without times",
    back: "To the words",
    close: "Close",
    lines: "Lines and their times",
    keys: "Space or Enter: this line begins now. Backspace: a line back. Left and right: 0.1 s earlier or later. P: play or pause. R: play from the line. Z: undo. S: save.",
    play: "Play",
    pause: "Pause",
    stamp: "Begins now",
    stepBack: "A line back",
    earlier: "0.1 s earlier",
    later: "0.1 s later",
    playFrom: "Play from the line",
    undo: "Undo",
    save: "Save",
    download: "Download .lrc",
    none: "no time",
    empty: "Write at least one line first.",
    at: (text, time) => `${text}: ${time}`,
    next: (text) => (text ? ` Next: ${text}` : " That was the last line."),
    ended: (time) => `The last line ends at ${time}.`,
    undone: "Undone.",
    nothing: "Nothing to undo.",
    missing: (n) => `${n} line${n === 1 ? " has" : "s have"} no time yet and would appear with the line before.`,
    saved: "Saved.",
    unsaved: "Not saved yet. Press Escape or Close again to throw the changes away.",
    failed: (why) => `Not saved. ${why}`,
    fileName: (title) => `${title}.lrc`,
  },

  /** What to do about an error, by its HTTP status. */
  advice: {
    0: "Check your connection, then try again.",
    404: "It may have been removed. Hand the song in again.",
    413: "Choose a shorter or smaller file; an MP3 of the same song is much smaller than a WAV.",
    415: "Choose a song (MP3, M4A, FLAC, WAV, Ogg, Opus, AIFF) or a video with sound.",
    422: "The file may be damaged or cut off. Try another copy of the song.",
    429: "Wait a moment, then try again.",
    503: "The server has a lot to do. Wait a moment, then try again.",
    cancelled: "To have it after all, drop the song again.",
    other: "Try again. If it fails again, try another copy of the song.",
  },
};

export const adviceFor = (status) => text.advice[status] ?? text.advice.other;
