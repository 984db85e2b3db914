// One operation of the API, to unfold: what it takes and what it answers.

import { text } from "../strings.js";
import { element, list } from "./elements.js";
import { entry, properties, type } from "./schema.js";

const words = text.reference;

function security(schemes) {
  if (!schemes) return words.open;
  const names = schemes.map((scheme) => Object.keys(scheme).map((name) => words.scheme[name] ?? name).join(words.and));
  return words.opensWith(names.map((name) => name || words.nothing));
}

/** Each media type with the schema of its body. */
function media(content = {}) {
  return Object.entries(content).map(([name, { schema }]) =>
    element("p", { className: "soft" }, element("code", {}, name), schema ? ": " : "", ...(schema ? type(schema) : [])));
}

function parameters(all = []) {
  if (!all.length) return [];
  const where = (parameter) => `${words.in[parameter.in] ?? parameter.in}. ${parameter.description ?? ""}`;
  const entries = all.map((parameter) => entry(parameter.name, parameter.schema, !parameter.required, where(parameter)));
  return [element("h3", {}, words.parameters), list(entries)];
}

function body(request) {
  if (!request) return [];
  const form = request.content["multipart/form-data"]?.schema;
  const fields = form?.properties ? properties(form) : [];
  return [element("h3", {}, words.body), element("p", {}, request.description ?? ""), ...media(request.content), ...fields];
}

function answers(responses) {
  const entries = Object.entries(responses).map(([status, response]) => {
    const headers = Object.keys(response.headers ?? {});
    const sent = headers.length ? [element("p", { className: "soft" }, words.headers(headers))] : [];
    return [[element("code", {}, status), ` ${response.description}`], [...media(response.content), ...sent]];
  });
  return [element("h3", {}, words.answers), list(entries.map(([what, rest]) => [what, rest.length ? rest : ""]))];
}

/** `method`, `path` and the operation of the description. */
export function show(method, path, operation) {
  const summary = element("summary", {},
    element("span", { className: "method" }, method.toUpperCase()),
    element("code", {}, path),
    element("span", { className: "said" }, operation.summary ?? ""));
  const about = operation.description ? [element("p", {}, operation.description)] : [];
  const inside = element("div", { className: "body" },
    ...about, element("p", { className: "soft" }, security(operation.security)),
    ...parameters(operation.parameters), ...body(operation.requestBody), ...answers(operation.responses));
  return element("details", { id: operation.operationId }, summary, inside);
}
