/* Toasts: the server puts them into #toasts (with the page, or out of band). Errors stay until dismissed, the rest go after
   six seconds, not while the pointer or the focus is on them. Requests of htmx that fail get one as well. */
const SHOWN_MS = 6000;

function close(box) {
  const neighbour = box.nextElementSibling ?? box.previousElementSibling;
  const hadFocus = box.contains(document.activeElement);
  box.remove();
  if (hadFocus) (neighbour?.querySelector("[data-dismiss]") ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

/* What a toast with Undo is about. A newer one on the same takes the older one's place: its Undo would undo the newer. */
const subject = (toast) => toast.querySelector("form")?.action.split("?")[0];

function replaceOlder(toast) {
  const about = subject(toast);
  if (about) [...toast.parentElement.querySelectorAll("[data-toast]")].filter((other) => other !== toast && subject(other) === about).forEach(close);
}

function start(toast) {
  if (toast.dataset.toast === "stays" || toast.dataset.timed) return;
  toast.dataset.timed = "1";
  let timer, left = SHOWN_MS, since;
  const run = () => { since = Date.now(); timer = setTimeout(() => close(toast), left); };
  const pause = () => { clearTimeout(timer); left = Math.max(1500, left - (Date.now() - since)); };
  toast.addEventListener("pointerenter", pause);
  toast.addEventListener("focusin", pause);
  toast.addEventListener("pointerleave", () => { if (!toast.contains(document.activeElement)) run(); });
  toast.addEventListener("focusout", () => { if (!toast.matches(":hover")) run(); });
  run();
}

function icon(paths) {
  const NS = "http://www.w3.org/2000/svg", svg = document.createElementNS(NS, "svg");
  svg.setAttribute("class", "icon"); svg.setAttribute("viewBox", "0 0 24 24"); svg.setAttribute("aria-hidden", "true");
  for (const d of paths) { const path = document.createElementNS(NS, "path"); path.setAttribute("d", d); svg.append(path); }
  return svg;
}

/* An error toast made here, for answers that carry none. */
export function showError(headline, detail) {
  const region = document.getElementById("toasts");
  if (!region) return;
  const toast = document.createElement("div"), text = document.createElement("div"), dismiss = document.createElement("button");
  toast.className = "toast toast--bad"; toast.dataset.toast = "stays"; text.className = "grow";
  text.append(Object.assign(document.createElement("b"), { textContent: headline }), Object.assign(document.createElement("p"), { textContent: detail }));
  Object.assign(dismiss, { className: "rowbtn", type: "button" });
  dismiss.dataset.dismiss = ""; dismiss.setAttribute("aria-label", "Dismiss"); dismiss.append(icon(["M18 6 6 18", "m6 6 12 12"]));
  toast.append(icon(["M12 22a10 10 0 1 0 0-20 10 10 0 0 0 0 20", "m15 9-6 6", "m9 9 6 6"]), text, dismiss);
  region.append(toast);
}

const WHY = {
  400: "The page does not fit the server any more. Reload it and try again.",
  403: "Your role does not allow this, or you signed in anew in another tab. Reload the page.",
  404: "It is not there any more. Reload the page to see what is.",
  409: "Somebody else changed it meanwhile. Reload the page and try again.",
  413: "That was too much at once.",
  429: "Too many requests. Wait a moment and try again.",
  503: "The server cannot reach its database. Try again in a few seconds.",
};

document.addEventListener("click", (event) => {
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) close(dismiss.closest(".toast, .notice"));
});
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail, id = xhr.getResponseHeader("X-Request-ID");
  showError("That did not work", (WHY[xhr.status] ?? "Something went wrong in Patchbay.") + (xhr.status >= 500 && id ? ` Request ID ${id}` : ""));
});
document.addEventListener("htmx:sendError", () => showError("Patchbay did not answer", "Check your connection and try again. Nothing was lost on this page."));
document.addEventListener("htmx:timeout", () => showError("Patchbay did not answer in time", "Try again. What you typed is still here."));

const region = document.getElementById("toasts");
if (region) {
  region.querySelectorAll("[data-toast]").forEach(start);
  new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => { if (node.dataset?.toast !== undefined) { replaceOlder(node); start(node); } })))
    .observe(region, { childList: true });
}
