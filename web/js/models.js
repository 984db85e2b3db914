// The choice of the model: presets first, then the models themselves; and what is said of models that are being fetched.

import { text } from "./strings.js";

const group = (label, options) => {
  const node = document.createElement("optgroup");
  node.label = label;
  node.append(...options);
  return node;
};

/**
 * Fills `select` from the answer of /models; `note` describes the chosen entry and its licence restriction. What somebody
 * has chosen stays chosen when it is filled again.
 */
export function fillModelChoice(select, note, offer) {
  const chosen = select.dataset.chosen ? select.value : null;
  const byName = new Map(offer.models.map((model) => [model.name, model]));
  const title = (model) => model.title || model.name;
  const presets = (offer.presets ?? []).filter((preset) => byName.has(preset.model));
  const described = new Map(offer.models.map((model) => [model.name, { does: model.description, model }]));
  for (const preset of presets) described.set(preset.name, { does: preset.description, model: byName.get(preset.model) });
  const models = offer.models.map((model) => new Option(title(model), model.name));
  const named = presets.map((preset) => new Option(text.preset(preset.title, title(byName.get(preset.model))), preset.name));
  select.replaceChildren(...(named.length ? [group(text.presets, named), group(text.models, models)] : models));
  const names = [chosen, offer.default_preset, offer.default].filter((name) => described.has(name));
  if (names.length) select.value = names[0];
  const describe = () => {
    const { does, model } = described.get(select.value) ?? {};
    note.textContent = [does, model?.restriction && text.licence(model.licence, model.restriction)].filter(Boolean).join(" ");
  };
  select.onchange = () => {
    select.dataset.chosen = "yes";
    describe();
  };
  describe();
}

/** The models side by side in a table that opens: what was measured of each, its speed here, its size, its licence. */
export function compareModels(details, offer) {
  const measured = offer.models.filter((model) => model.quality?.length);
  details.hidden = !measured.length;
  const cell = (tag, content) => Object.assign(document.createElement(tag), { textContent: content });
  const row = (tag, contents) => {
    const node = document.createElement("tr");
    node.append(...contents.map((content, at) => cell(at ? tag : "th", content)));
    return node;
  };
  const rows = measured.flatMap((model) =>
    model.quality.map(({ test, vocals, instrumental }) =>
      row("td", [
        model.title,
        text.quality(vocals, instrumental),
        test,
        text.speed(model.speed),
        text.size(model.bytes),
        model.licence.split(":")[0],
      ]),
    ),
  );
  const head = document.createElement("thead");
  head.append(row("th", text.comparison));
  const body = document.createElement("tbody");
  body.append(...rows);
  details.querySelector("summary").textContent = text.compare;
  details.querySelector("table").replaceChildren(head, body);
}

/** Tells in `node` which better models are on their way, and how far they are. */
export function showFetches(node, fetching) {
  const sentences = fetching.map(({ title, have, total, waiting }) =>
    waiting ? text.fetchWaits(title) : text.fetching(title, have, total),
  );
  node.textContent = sentences.join(" ");
  node.hidden = !sentences.length;
}
