/* Add filter: the comparisons and the values are those of the chosen field; added, the panel closes. Without a script the server says
   which comparison a field takes. */
import { each } from "./each.js";

function fit(builder) {
  const field = builder.querySelector("[name=field]"), op = builder.querySelector("[name=op]");
  const allowed = field.selectedOptions[0].dataset.operators.split(" ");
  for (const option of op.options) option.hidden = option.disabled = !allowed.includes(option.value);
  if (!allowed.includes(op.value)) op.value = allowed[0];
  const boxes = [...builder.querySelectorAll("[data-values]")];
  const shown = boxes.find((box) => box.dataset.values === field.value) ?? boxes[0];  // the first one takes any text
  for (const box of boxes) {
    box.hidden = box !== shown;
    box.querySelector("[name=value]").disabled = box.hidden;
  }
}

function empty(builder) {
  builder.querySelector("input[name=value]").value = "";
  builder.querySelector(".error").hidden = true;
}

each("[data-builder]", (builder) => {
  fit(builder);
  builder.querySelector("[name=field]").addEventListener("change", () => { empty(builder); fit(builder); });
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.requestConfig?.elt.id !== "add-condition" || event.detail.xhr.status !== 200) return;
  const builder = document.querySelector("[data-builder]");
  empty(builder);
  builder.open = false;
  builder.querySelector("summary").focus();
});
document.addEventListener("keydown", (event) => {
  const builder = event.key === "Escape" && event.target.closest?.("[data-builder][open]");
  if (!builder) return;
  builder.open = false;
  builder.querySelector("summary").focus();
});
