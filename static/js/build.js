/* The Custom API integration page (form[data-build]): an edit marks the last test as out of date, errors that come out of band are tied
   to their controls, a header whose name says so becomes secret, leaving with unsaved edits asks first, and a running test counts seconds. */
import { each } from "./each.js";

const form = () => document.querySelector("form[data-build]");
let dirty = false;

function showState(state) {
  const bar = document.getElementById("status");
  if (!bar) return;
  bar.dataset.testState = state;
  bar.querySelectorAll("[data-state]").forEach((line) => { line.hidden = line.dataset.state !== state; });
  const untested = bar.querySelector("[data-untested]");
  if (untested) untested.hidden = state === "current";
}

function edited(event) {
  if (!form() || event.target.form !== form()) return;
  dirty = true;
  const inDialog = event.target.closest("dialog");
  if (inDialog || event.target.dataset.keepsTest !== undefined) return;
  if (["current", "failed"].includes(document.getElementById("status")?.dataset.testState)) showState("stale");
}
/* The server knows better: what was switched over and back is as it was tested. */
document.addEventListener("teststate", (event) => showState(event.detail.state));
document.addEventListener("input", edited);
document.addEventListener("change", edited);

/* Secret headers: by name at once, as the server does. */
const looksSecret = (name, list) => {
  const key = name.trim().toLowerCase();
  return key !== "" && (list.split(" ").includes(key) || /-(key|token|secret|password)$/.test(key));
};
function hide(row, secret) {
  const value = row.querySelector('input[name$="-value"]');
  if (!value || (value.type === "password") === secret) return;
  value.type = secret ? "password" : "text";
  value.autocomplete = secret ? "new-password" : "off";
}
document.addEventListener("change", (event) => {
  const row = event.target.closest?.("[data-secret-names] .kv__row");
  if (!row) return;
  const box = row.querySelector('input[name$="-secret"]'), key = row.querySelector('input[name$="-key"]');
  if (event.target === key && looksSecret(key.value, row.closest("[data-secret-names]").dataset.secretNames)) box.checked = true;
  hide(row, box.checked);
});

/* Whether the body uses a custom variable, as it is being written. */
document.addEventListener("input", (event) => {
  if (event.target.id !== "body") return;
  const used = new Set([...event.target.value.matchAll(/\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}/g)].map((match) => match[1]));
  document.querySelectorAll("[data-used]").forEach((cell) => { cell.textContent = used.has(cell.dataset.used) ? "Yes" : "Not in the body"; });
});

/* Errors: the text came out of band; the control it belongs to says so as well, and the summary gets the focus. */
document.addEventListener("htmx:afterSettle", () => {
  document.querySelectorAll("[data-error-for]").forEach((error) => {
    const key = error.dataset.errorFor, control = document.getElementById(key === "body" ? "body" : `id_${key}`);
    if (control) error.hidden ? control.removeAttribute("aria-invalid") : control.setAttribute("aria-invalid", "true");
  });
});
document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target?.id === "problems") document.querySelector("#problems:has([role=alert])")?.focus();
});

/* Unsaved edits. What a save or a redirect of ours does is no accident. */
addEventListener("beforeunload", (event) => { if (dirty && form()) event.preventDefault(); });
document.addEventListener("click", (event) => { if (event.target.closest("[data-saves]")) dirty = false; });
document.addEventListener("submit", () => { dirty = false; });
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.dataset?.saves !== undefined && event.detail.xhr?.status !== 200) dirty = true;
});

/* The answer to an import is this page at the address of its dialog: a reload would send what was pasted once more. */
each("form[data-build][data-address]", (page) => { history.replaceState(history.state, "", page.dataset.address); dirty = true; });

/* A test that takes long: seconds since it was sent, and Cancel ends it. */
let ticking;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.dataset?.sends === undefined) return;
  const box = event.detail.elt.closest("dialog"), line = box.querySelector("[data-waiting]"), since = Date.now();
  line.hidden = false;
  clearInterval(ticking);
  ticking = setInterval(() => { line.querySelector("[data-elapsed]").textContent = Math.round((Date.now() - since) / 1000); }, 500);
});
document.addEventListener("htmx:afterRequest", () => {
  clearInterval(ticking);
  document.querySelectorAll("[data-waiting]").forEach((line) => { line.hidden = true; });  // still there after a failed request
});
document.addEventListener("close", (event) => {
  const sending = event.target.querySelector?.("[data-sends].htmx-request");
  if (sending) window.htmx.trigger(sending, "htmx:abort");
}, true);

each("[data-secret-names] .kv__row", (row) => { if (row.querySelector('input[name$="-secret"]')?.checked) hide(row, true); });
