// A button with confirmation: the first press changes its label, the second acts; blur or Escape cancels.

const DOUBLE_CLICK_MS = 400;

/** Wires `button`; `of(words)` is its accessible name. Returns a function that renders it again. */
export function confirmButton(button, { label, sure, of, act }) {
  let armedAt = 0;
  const show = () => {
    const words = armedAt ? sure : label;
    button.textContent = words;
    button.setAttribute("aria-label", of(words));
    button.toggleAttribute("data-armed", armedAt > 0);
  };
  const disarm = () => {
    if (!armedAt) return;
    armedAt = 0;
    show();
  };
  button.addEventListener("click", () => {
    if (!armedAt) {
      armedAt = performance.now();
      button.focus();
      show();
    } else if (performance.now() - armedAt > DOUBLE_CLICK_MS) {
      disarm();
      act();
    }
  });
  button.addEventListener("blur", disarm);
  button.addEventListener("keydown", (event) => event.key === "Escape" && disarm());
  show();
  return show;
}
