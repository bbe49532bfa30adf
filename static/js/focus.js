/* Focus outlives what it was on. A swap that takes the focused control away gives the focus to its successor (the same id), to the button of the
   menu it was in, or to what opened its dialog. Without this a keyboard or screen reader user starts again at the top of the page. */
import { each } from "./each.js";

const openers = new WeakMap();                   // dialog -> the place it was opened from
let last = null;                                 // where the focus was when the last request of htmx set out

/* What takes over from a control that goes away with what it did (Stop). */
const successor = ({ dataset }) => (dataset.successor ? { selector: dataset.successor } : null);

function place(element) {
  if (!element || element === document.body) return null;
  const menu = element.closest(".menu[popover]"), dialog = element.closest("dialog");
  const selector = menu ? `[popovertarget="${CSS.escape(menu.id)}"]` : element.id && `#${CSS.escape(element.id)}`;
  return { element: menu ? null : element, selector, back: successor(element) ?? (dialog && openers.get(dialog)) };
}

function go(to) {
  for (let at = to; at; at = at.back) {
    const target = at.element?.isConnected ? at.element : at.selector ? document.querySelector(at.selector) : null;
    target?.focus();
    if (target && document.activeElement === target) return;
  }
  document.querySelector("[data-focus-fallback]")?.focus();
}

const isLost = () => !document.activeElement || document.activeElement === document.body;

/* Called when a dialog opens. A busy button cannot hold the focus, and htmx may have put it into the dialog: then what the request set out from counts. */
export function remember(dialog) {
  openers.set(dialog, (dialog.contains(document.activeElement) ? null : place(document.activeElement)) ?? last);
}

export function giveBack(dialog) {
  const to = openers.get(dialog);
  requestAnimationFrame(() => { if (isLost()) go(to); });
}

document.addEventListener("htmx:confirm", () => { last = place(document.activeElement) ?? last; });
document.addEventListener("htmx:afterSettle", () => { if (isLost() && last) go(last); });

/* After a swap: what is new, what is beside the thing that was removed, or what is wrong. */
document.addEventListener("htmx:load", ({ detail }) => { if (detail.elt.dataset?.focus) detail.elt.querySelector(detail.elt.dataset.focus)?.focus(); });

/* What a page was opened for begins at its first field, or at the first that is wrong. Not by autofocus, which an address with a "#" switches off. */
const FIRST = ['[aria-invalid="true"]', "form :is(input:not([type=hidden], [readonly]), select, textarea)"];
each("[data-focus-first]", (part) => { if (isLost()) FIRST.reduce((found, selector) => found ?? part.querySelector(selector), null)?.focus(); });
