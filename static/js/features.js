/* A feature that makes no sense without another ([data-needs], the other's id) cannot be switched on before that one is. */
import { each } from "./each.js";

const settle = (box) => { box.disabled = !document.getElementById(box.dataset.needs)?.checked; };

each("[data-needs]", settle);
document.addEventListener("change", (event) => {
  document.querySelectorAll(`[data-needs="${CSS.escape(event.target.id)}"]`).forEach(settle);
});
