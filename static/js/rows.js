/* Key-value rows: clone the list's <template>; without script the server renders three spare rows.
   In the template "__n__" (and, in names, "-n-"; in labels, " N") stands for the row's number, which is never used twice. */
import { each } from "./each.js";

const NUMBER = /-(\d+)-/;

function highest(list) {
  const used = [...list.querySelectorAll("[name]")].map((field) => Number(NUMBER.exec(field.name)?.[1] ?? -1));
  return Math.max(Number(list.dataset.last ?? -1), ...used, -1);
}

function number(row, n) {
  for (const element of row.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      let text = value.replaceAll("__n__", n);
      if (name === "name" || name === "id" || name === "for") text = text.replace(/-n-/, `-${n}-`);
      if (name === "aria-label") text = text.replace(/ N\b/, ` ${n + 1}`);
      if (text !== value) element.setAttribute(name, text);
    }
  }
}

document.addEventListener("click", (event) => {
  const add = event.target.closest("[data-add-row]");
  if (add) {
    const list = document.getElementById(add.dataset.addRow);
    const n = highest(list) + 1;
    list.dataset.last = n;
    const row = list.querySelector("template").content.cloneNode(true);
    number(row, n);
    list.append(row);
    window.htmx?.process(list.lastElementChild);
    list.lastElementChild.querySelector("input, select, textarea")?.focus();
  }
  const remove = event.target.closest("[data-remove-row]");
  if (remove) {
    const row = remove.closest(".kv__row"), list = row.parentElement;
    list.dataset.last = highest(list);
    const beside = [row.nextElementSibling, row.previousElementSibling].find((other) => other?.querySelector("input"));
    (beside?.querySelector("input") ?? document.querySelector(`[data-add-row="${CSS.escape(list.id)}"]`))?.focus();
    row.remove();
    list.dispatchEvent(new Event("input", { bubbles: true }));
    list.dispatchEvent(new Event("change", { bubbles: true }));
  }
});

// The spare rows are for pages without scripts; here they would only be counted.
each("[data-rows] .kv__row.no-js-only", (row) => row.remove());
