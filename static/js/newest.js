/* Live: while the switch is on, the first page of traces is asked for anew every few seconds, and new rows are marked. It waits while the
   page is hidden, while an older page is shown, and while somebody is in the table, a menu or a dialog. */
import { each } from "./each.js";
import { announce } from "./live.js";

const EVERY_MS = 5000;
const REMEMBERED = "live-traces";                // in this tab, so that coming back from a trace goes on
const linkOf = (row) => row.querySelector("a")?.getAttribute("href");

let asking = null;

function isBusy(results) {
  const asked = new URLSearchParams(location.search);
  return document.hidden || asked.has("after") || asked.has("before") || results.contains(document.activeElement)
    || Boolean(document.querySelector("dialog:modal, :popover-open, [data-builder][open], .htmx-request"))
    || !getSelection().isCollapsed;
}

async function refresh(toggle) {
  const results = document.getElementById("results");
  if (!results || isBusy(results) || asking) return;
  const address = location.href;
  asking = new AbortController();
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, signal: asking.signal });
    if (answer.redirected || [401, 403, 404].includes(answer.status)) return turn(toggle, false);  // signed out
    const text = answer.ok && await answer.text();
    if (text && address === location.href && !isBusy(results)) show(results, text);
  } catch { /* away for a moment: the next time */ } finally { asking = null; }
}

function show(results, text) {
  const known = new Set([...results.querySelectorAll("tbody tr")].map(linkOf));
  window.htmx.swap(results, text.replace(" data-announce=", " data-shown="), { swapStyle: "innerHTML", settleDelay: 0 });
  const fresh = [...results.querySelectorAll("tbody tr")].filter((row) => !known.has(linkOf(row)));
  for (const row of fresh) row.classList.add("is-new");
  if (fresh.length) announce(`${fresh.length} new ${fresh.length === 1 ? "trace" : "traces"}`);
}

function turn(toggle, on) {
  toggle.setAttribute("aria-checked", on);
  sessionStorage.setItem(REMEMBERED, on ? "1" : "");
  if (!on) asking?.abort();
}

each("[data-live-toggle]", (toggle) => {
  turn(toggle, sessionStorage.getItem(REMEMBERED) === "1");
  toggle.addEventListener("click", () => {
    turn(toggle, toggle.getAttribute("aria-checked") !== "true");
    refresh(toggle);
  });
  const timer = setInterval(() => {
    if (!toggle.isConnected) clearInterval(timer);
    else if (toggle.getAttribute("aria-checked") === "true") refresh(toggle);
  }, EVERY_MS);
});
