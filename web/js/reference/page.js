// The page of the API: reads the description that the server makes of itself, and shows it.

import { text } from "../strings.js";
import { element } from "./elements.js";
import { show } from "./operation.js";
import { place, properties } from "./schema.js";

const words = text.reference;
const page = document.getElementById("reference");
const ADDRESS = "/api/v1/openapi.json";
const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"];

/** The operations of a tag, in the order of their addresses. */
function operations(paths, tag) {
  const all = Object.entries(paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => [method, path, item[method]]));
  return all.filter(([, , operation]) => operation.tags?.includes(tag)).map((one) => show(...one));
}

function section(title, about, children) {
  const said = about ? [element("p", {}, about)] : [];
  return element("section", { ariaLabel: title }, element("h2", {}, title), ...said, ...children);
}

function schemas(all) {
  return Object.entries(all).map(([name, schema]) => {
    const summary = element("summary", {}, element("code", {}, name), element("span", { className: "said" }, schema.description ?? ""));
    return element("details", { id: place(name) }, summary, element("div", { className: "body" }, ...properties(schema)));
  });
}

/** A field that hides what does not have the words in it. */
function search() {
  const input = element("input", { type: "search", autocomplete: "off" });
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const one of page.querySelectorAll("details")) one.hidden = !one.textContent.toLowerCase().includes(wanted);
    for (const one of page.querySelectorAll("section")) one.hidden = !one.querySelector("details:not([hidden])");
  });
  return element("label", { className: "find" }, words.find, input);
}

/** Unfolds what the address names. */
function unfold() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named?.tagName !== "DETAILS") return;
  named.open = true;
  named.scrollIntoView();
}

try {
  const answer = await fetch(ADDRESS);
  if (!answer.ok) throw new Error(answer.statusText);
  const api = await answer.json();
  document.title = words.title(api.info.title);
  const sections = api.tags.map(({ name, description }) => section(words.tag[name] ?? name, description, operations(api.paths, name)));
  page.replaceChildren(
    element("h1", {}, words.title(api.info.title)),
    element("p", { className: "about" }, `${words.version(api.info.version)} `, element("a", { href: ADDRESS }, words.document)),
    search(), ...sections, section(words.schemas, words.aboutSchemas, schemas(api.components.schemas)));
  addEventListener("hashchange", unfold);
  unfold();
} catch {
  page.replaceChildren(element("h1", {}, words.missing), element("p", {}, words.tryAgain));
}
document.documentElement.dataset.awake = "";
