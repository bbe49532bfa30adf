/* Dialogs: the server renders <dialog open data-modal>, a plain panel without script; promoted to a modal here.
   Closing one with typed content asks first. Focus goes to the first invalid field, else to a notice that takes it, else to [autofocus], else to the first field, else to the way out; and back when the dialog closes. */
import { each } from "./each.js";
import { giveBack, remember } from "./focus.js";

/* The fields inside, whichever form they belong to: a dialog's fields may be part of the page's form. */
const values = (dialog) => [...dialog.querySelectorAll("input, select, textarea")]
  .map((field) => (field.type === "checkbox" || field.type === "radio" ? field.checked : field.value)).join("\u0000");
const before = new WeakMap();

const FIRST = ['[aria-invalid="true"]', ".dialog__body [role=alert][tabindex]", "[autofocus]", ".dialog__body :is(input:not([type=hidden]), select, textarea)", ".dialog__foot [data-close]"];

const UNSAVED = '[aria-invalid="true"], .dialog__body [role=alert]';

function promote(dialog) {
  if (dialog.matches(":modal")) return;
  remember(dialog);
  dialog.removeAttribute("open");
  dialog.showModal();
  FIRST.reduce((found, selector) => found ?? dialog.querySelector(selector), null)?.focus();
  // A refused form comes back with what was typed, and a step of a wizard with what its address carries: that is still unsaved.
  before.set(dialog, dialog.matches("[data-dirty]") || dialog.querySelector(UNSAVED) ? null : values(dialog));
}

const isDirty = (dialog) => before.has(dialog) && before.get(dialog) !== values(dialog);

function leave(dialog) {
  before.delete(dialog);
  dialog.close();
}

/* The steps of a wizard have addresses of their own. Closing it gives the page under it its address back, without loading it again. */
let behind = "";
document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  if (event.detail.target?.id === "modal" && !document.querySelector("#modal dialog")) behind = location.href;
});
function takeAddressBack() {
  if (behind) history.pushState({ htmx: true }, "", behind);
  behind = "";
}

/* A dialog that is its own page (data-page) goes where its close link goes; one that htmx brought is thrown away. */
document.addEventListener("close", (event) => {
  const dialog = event.target;
  if (!dialog.matches?.("dialog[data-modal]")) return;
  const away = dialog.querySelector("a[data-close][href]");
  const brought = dialog.closest("#modal");
  if (!brought && dialog.dataset.page !== undefined && away) { location.assign(away.href); return; }
  if (brought) {
    dialog.querySelectorAll(".htmx-request").forEach((busy) => window.htmx.trigger(busy.closest("form") ?? busy, "htmx:abort"));  // nobody waits for it
    dialog.remove();
    takeAddressBack();
  }
  giveBack(dialog);
}, true);

function askFirst(dialog) {
  if (dialog.querySelector("[data-ask]")) { dialog.querySelector("[data-ask] button").focus(); return; }
  const bar = document.createElement("div");
  bar.className = "dialog__foot"; bar.dataset.ask = ""; bar.setAttribute("role", "alertdialog"); bar.setAttribute("aria-label", "Discard what you typed?");
  const button = (text, kind, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", className: `btn ${kind}`, textContent: text });
    made.addEventListener("click", act);
    return made;
  };
  const question = Object.assign(document.createElement("p"), { className: "sm medium", textContent: "Discard what you typed?" });
  const end = Object.assign(document.createElement("div"), { className: "end" });
  const from = dialog.contains(document.activeElement) && document.activeElement.matches("input, select, textarea") ? document.activeElement : null;
  const keep = () => { bar.remove(); (from?.isConnected ? from : dialog.querySelector("input:not([type=hidden]), select, textarea"))?.focus(); };
  end.append(button("Keep editing", "", keep), button("Discard", "btn--danger", () => leave(dialog)));
  bar.append(question, end);
  dialog.append(bar);
  end.firstElementChild.focus();
}

const tryToLeave = (dialog) => { if (isDirty(dialog)) askFirst(dialog); else leave(dialog); };

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  const opened = opener && document.getElementById(opener.dataset.opens);
  if (opened) { event.preventDefault(); remember(opened); opened.showModal(); before.set(opened, values(opened)); }
  const closer = event.target.closest("[data-close]");
  const dialog = closer?.closest("dialog");
  if (dialog?.matches(":modal")) { event.preventDefault(); tryToLeave(dialog); }
});
/* Esc. Taken as a key, because a browser lets a dialog refuse only the first of two cancels; to the question it says *Keep editing*. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || event.defaultPrevented || document.querySelector(":popover-open")) return;
  if (event.target.matches?.("input[type=search]") && event.target.value) return;      // empties the search
  const dialog = event.target.closest?.("dialog:modal") ?? [...document.querySelectorAll("dialog:modal")].at(-1);
  if (!dialog) return;
  event.preventDefault();
  if (event.repeat) return;
  const question = dialog.querySelector("[data-ask] button");
  if (question) question.click(); else tryToLeave(dialog);
});
document.addEventListener("cancel", (event) => {           // another way to close, such as a phone's Back
  if (!event.target.matches?.("dialog:modal")) return;
  event.preventDefault();
  tryToLeave(event.target);
}, true);
/* Enter in a field that belongs to the page's form: the dialog's own button, not the page's. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("dialog:modal input")) return;
  const dialog = event.target.closest("dialog");
  if (!event.target.form || dialog.contains(event.target.form)) return;
  event.preventDefault();
  dialog.querySelector(".dialog__foot [type=submit]:not(:disabled)")?.click();
});
// What has been sent is not unsaved.
document.addEventListener("submit", (event) => { const dialog = event.target.closest("dialog"); if (dialog) before.set(dialog, values(dialog)); });

each("dialog[data-modal]", (dialog) => { if (dialog.hasAttribute("open")) promote(dialog); });
