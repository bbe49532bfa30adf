/* Menus: arrow keys, Home, End and type-ahead on top of the native popover, which brings Esc, light dismissal and focus return. */
const itemsOf = (menu) => [...menu.querySelectorAll(".menu__item")];

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".menu[popover]")) return;
  const open = event.newState === "open";
  document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`)?.setAttribute("aria-expanded", String(open));
  if (open) itemsOf(menu)[0]?.focus({ preventScroll: true });
}, true);

/* An item that htmx sends closes its menu at once; the answer may take long. */
document.addEventListener("htmx:beforeRequest", (event) => { event.detail.elt.closest?.(".menu[popover]:popover-open")?.hidePopover(); });

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu[popover]");
  if (!menu) return;
  const items = itemsOf(menu), at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items[(to + items.length) % items.length].focus();
  } else if (event.key.length === 1 && /\S/.test(event.key) && !event.ctrlKey && !event.metaKey) {
    const typed = event.key.toLowerCase();
    const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    after.find((item) => item.textContent.trim().toLowerCase().startsWith(typed))?.focus();
  }
});
