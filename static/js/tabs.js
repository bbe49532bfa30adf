/* Tabs over panels that, without script, simply stand below each other. [data-tabs] holds a [role=tablist] and the panels it names. */
import { each } from "./each.js";

function choose(list, tab) {
  for (const other of list.querySelectorAll("[role=tab]")) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest("[data-tabs] [role=tab]");
  if (tab) choose(tab.closest("[role=tablist]"), tab);
});
document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[data-tabs] [role=tab]");
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!tab || !step) return;
  const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
  choose(tab.closest("[role=tablist]"), next);
  next.focus();
});

each("[data-tabs]", (box) => {
  const list = box.querySelector("[role=tablist]");
  list.hidden = false;
  choose(list, list.querySelector('[aria-selected="true"]') ?? list.querySelector("[role=tab]"));
});
