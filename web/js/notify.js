// Tells people that a song is ready: by the browser when the page is in the background, and by mail if the server sends it.

import { announce } from "./announcer.js";
import { text } from "./strings.js";

const KEY = "karaoke.notify";
const byId = (id) => document.getElementById(id);
/** Browsers notify only for pages that came safely, and some not at all. */
const isOffered = () => isSecureContext && "Notification" in window && "serviceWorker" in navigator;

/** The choice below the model; `email`: whether the server sends mail. */
export function offerNotifications({ email }) {
  byId("email-choice").hidden = !email;
  byId("notify-choice").hidden = !isOffered();
  byId("notify-about").hidden = byId("notify-choice").hidden && !email;
  const box = byId("notify");
  box.checked = isWanted();
  box.onchange = async () => {
    const allowed = box.checked && (await Notification.requestPermission()) === "granted";
    const isBlocked = box.checked && !allowed;
    byId("notify-note").textContent = isBlocked ? text.notify.blocked : "";
    if (isBlocked) announce(text.notify.blocked);
    box.checked = allowed;
    remember(allowed);
  };
}

/** The mail address that hears of the songs that are handed in now; "" for none, or one that is not complete. */
export function chosenEmail() {
  const field = byId("email");
  return field?.offsetParent && field.checkValidity() ? field.value.trim() : "";
}

/** A song has ended in `state`, perhaps while nobody was looking. */
export async function songEnded(title, state) {
  const words = text.notify[state];
  if (!words || !document.hidden || !isWanted()) return;
  const options = { body: words(title), icon: "/icons/touch-180.png", tag: title };
  // Telephones show what a service worker shows, and nothing else.
  const worker = await navigator.serviceWorker.getRegistration();
  if (worker?.active) await worker.showNotification(text.brand, options);
  else new Notification(text.brand, options).onclick = () => focus();
}

function isWanted() {
  return isOffered() && Notification.permission === "granted" && readChoice() === "yes";
}

function readChoice() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(wanted) {
  try {
    localStorage.setItem(KEY, wanted ? "yes" : "no");
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}
