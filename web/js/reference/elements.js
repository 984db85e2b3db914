// Builds elements of texts and other elements: nothing of the description becomes markup.

/** An element with properties and children. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== ""));
  return made;
}

/** A list of `[[…what], explanation]`. */
export function list(entries) {
  const rows = entries.map(([what, explanation]) => {
    const rest = explanation ? [element("div", {}, ...[explanation].flat())] : [];
    return element("li", {}, ...what, ...rest);
  });
  return element("ul", {}, ...rows);
}
