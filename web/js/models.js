// The choice of the model: presets first, then the models themselves.

import { text } from "./strings.js";

const group = (label, options) => {
  const node = document.createElement("optgroup");
  node.label = label;
  node.append(...options);
  return node;
};

/** Fills `select` from the answer of /models; `note` describes the chosen entry and its licence restriction. */
export function fillModelChoice(select, note, offer) {
  const byName = new Map(offer.models.map((model) => [model.name, model]));
  const title = (model) => model.title || model.name;
  const presets = (offer.presets ?? []).filter((preset) => byName.has(preset.model));
  const described = new Map(offer.models.map((model) => [model.name, { does: model.description, model }]));
  for (const preset of presets) described.set(preset.name, { does: preset.description, model: byName.get(preset.model) });
  const models = offer.models.map((model) => new Option(title(model), model.name, false, model.name === offer.default));
  const named = presets.map((preset) => new Option(text.preset(preset.title, title(byName.get(preset.model))), preset.name));
  select.replaceChildren(...(named.length ? [group(text.presets, named), group(text.models, models)] : models));
  const describe = () => {
    const { does, model } = described.get(select.value) ?? {};
    note.textContent = [does, model?.restriction && text.licence(model.licence, model.restriction)].filter(Boolean).join(" ");
  };
  select.addEventListener("change", describe);
  describe();
}
