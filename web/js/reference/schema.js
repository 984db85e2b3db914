// A schema of the API's description, in words and as a list of its properties.

import { text } from "../strings.js";
import { element, list } from "./elements.js";

const words = text.reference;

/** Where a schema that has a name is shown. */
export const place = (name) => `schema-${name}`;

function linkTo(reference) {
  const name = reference.split("/").at(-1);
  return element("a", { href: `#${place(name)}` }, name);
}

/** Parts with `between` between them. */
const joined = (parts, between) => parts.flatMap((part, index) => (index ? [between, ...part] : part));

/** What a value is: texts and links. */
export function type(schema = {}) {
  if (schema.$ref) return [linkTo(schema.$ref)];
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choices) return joined(choices.map(type), schema.allOf ? words.and : words.or);
  if (schema.enum) return [words.oneOf(schema.enum)];
  const types = [schema.type ?? words.anything].flat();
  return joined(types.map((name) => plain(name, schema)), words.or);
}

function plain(name, schema) {
  if (name === "array") return [words.listOf, ...type(schema.items)];
  if (name === "object" && schema.additionalProperties) return [words.mapOf, ...type(schema.additionalProperties)];
  if (name === "string" && schema.format === "binary") return [words.bytes];
  return [name];
}

/** The entries of a list: a name, what it is, whether it has to be there, and a sentence. */
export function entry(name, schema, isOptional, description) {
  const about = element("span", { className: "soft" }, " ", ...type(schema), isOptional ? words.optional : "");
  // The description of a value that may be null stands at what it else is.
  const explanation = description ?? schema?.description ?? schema?.oneOf?.[0]?.description ?? "";
  return [[element("code", {}, name), about], explanation];
}

/** The properties of an object; nothing where it has none. */
export function properties(schema) {
  const required = schema.required ?? [];
  const entries = Object.entries(schema.properties ?? {});
  if (!entries.length) return [element("p", {}, ...type(schema))];
  return [list(entries.map(([name, value]) => entry(name, value, !required.includes(name), value.description)))];
}
