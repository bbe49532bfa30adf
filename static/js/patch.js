/* Patching: click a value in the response and it is wired to the armed slot; the next empty slot is armed.
   Without script every value is a submit button that carries its path. */
import { announce } from "./live.js";
import { each } from "./each.js";

const slots = () => [...document.querySelectorAll(".patch")];
const arm = (slot) => { slot.querySelector("input[type=radio]").checked = true; };
const field = (slot) => slot.querySelector(".input");

function unplug(letter) {
  document.querySelectorAll(`.json .is-patched-${letter}`).forEach((value) => value.classList.remove(`is-patched-${letter}`));
  document.querySelectorAll(`.json .plug--${letter}`).forEach((tag) => tag.remove());
}

function plug(value, slot) {
  const letter = slot.dataset.slot;
  unplug(letter);
  value.classList.add(`is-patched-${letter}`);
  value.after(Object.assign(document.createElement("span"), { className: `plug plug--${letter}`, textContent: slot.dataset.name }));
}

/* Show which values the paths name. Paths that say the same in another spelling are left to the server's preview. */
function showPlugs() {
  for (const slot of slots()) {
    const path = field(slot).value.trim().replace(/^\$\.?/, "");
    slot.classList.toggle("is-set", path !== "");
    const value = path && document.querySelector(`.json [data-path="${CSS.escape(path)}"]`);
    if (value) plug(value, slot); else unplug(slot.dataset.slot);
  }
}

document.addEventListener("click", (event) => {
  const value = event.target.closest(".json [data-path]");
  const armed = value && slots().find((slot) => slot.querySelector("input[type=radio]").checked);
  if (!armed) return;
  event.preventDefault();
  const input = field(armed);
  input.value = value.dataset.path;
  const output = armed.querySelector("output");
  if (output) output.textContent = value.textContent;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
  showPlugs();
  const next = slots().find((slot) => field(slot).value.trim() === "");
  if (next) arm(next);
  announce(`${armed.dataset.name} set to ${value.dataset.path}.${next ? ` Next: ${next.dataset.name}.` : ""}`);
});
document.addEventListener("focusin", (event) => {
  const slot = event.target.closest?.(".patch");
  if (slot && event.target.type !== "radio") arm(slot);
});
document.addEventListener("input", (event) => { if (event.target.closest?.(".patch") && event.target.type !== "radio") showPlugs(); });

each(".json, .patches", showPlugs);
