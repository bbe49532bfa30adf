/* Typed-name confirmation: the button named by data-confirm-for stays disabled until the field holds data-confirm-name.
   The server checks again; without script the button is simply enabled. */
import { each } from "./each.js";

each("[data-confirm-name]", (field) => {
  const button = document.getElementById(field.dataset.confirmFor);
  const sync = () => { button.disabled = field.value.trim() !== field.dataset.confirmName.trim(); };
  field.addEventListener("input", sync);
  sync();
});
