/* Export with progress: the rows are counted as they come, and Stop ends the export on the server too. The browser's own download, which
   a form without this script starts, does both in its own way. */
import { announce } from "./live.js";

const PIECE = 8 * 1024 * 1024;     // bytes held here at once; a Blob of them may lie on the disk
const SPOKEN = 5000;               // milliseconds between two announcements
const running = new WeakMap();

/* Ends of rows outside of quotes: texts in CSV may hold line feeds, in JSON Lines they never do. */
function counter(csv) {
  let rows = csv ? -1 : 0, quoted = false;         // the first line of CSV is the head
  return (bytes) => {
    for (const byte of bytes) {
      if (csv && byte === 34) quoted = !quoted;
      else if (byte === 10 && !quoted) rows += 1;
    }
    return Math.max(rows, 0);
  };
}

function save(parts, response) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: response.headers.get("Content-Type") }));
  link.download = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "traces";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function receive(response, count, tell) {
  const parts = [], reader = response.body.getReader();
  let piece = [], held = 0, size = 0, rows = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    rows = count(next.value);
    piece.push(next.value);
    held += next.value.length;
    size += next.value.length;
    if (held > PIECE) { parts.push(new Blob(piece)); piece = []; held = 0; }
    tell(rows, size);
  }
  return { parts: [...parts, ...piece], rows };
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest?.("form[data-export]");
  if (!form) return;
  event.preventDefault();
  if (running.has(form)) return;
  const [state, stop, go] = ["[data-export-state]", "[data-export-stop]", "[type=submit]"].map((selector) => form.querySelector(selector));
  const abort = new AbortController();
  running.set(form, abort);
  const say = (text) => { state.hidden = false; state.textContent = text; announce(text); };
  let spoken = Date.now();
  const tell = (rows, size) => {
    state.textContent = `${rows.toLocaleString("en")} rows, ${(size / 1e6).toFixed(1)} MB`;
    if (Date.now() - spoken > SPOKEN) { spoken = Date.now(); announce(state.textContent); }
  };
  // The focus goes along with what can be pressed: a button that is disabled or hidden loses it to the page behind.
  stop.hidden = false;
  stop.focus();
  go.disabled = true;
  say("Exporting");
  try {
    const data = new FormData(form);
    const response = await fetch(form.action, { method: "POST", body: data, signal: abort.signal });
    if (!response.ok) throw new Error(response.status === 429 ? "Too many exports within a minute. Wait a little, then export again." : "");
    const { parts, rows } = await receive(response, counter(data.get("format") === "csv"), tell);
    save(parts, response);
    say(`Done: ${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"} exported`);
  } catch (error) {
    say(abort.signal.aborted ? "Stopped. Nothing was saved." : error.message || "The export broke off. Nothing was saved.");
  } finally {
    running.delete(form);
    go.disabled = false;
    if (stop === document.activeElement) go.focus();
    stop.hidden = true;
  }
});

document.addEventListener("click", (event) => {
  const form = event.target.closest?.("[data-export-stop]")?.closest("form");
  if (form) running.get(form)?.abort();
});
document.addEventListener("close", (event) => { const form = event.target.querySelector?.("form[data-export]"); if (form) running.get(form)?.abort(); }, true);
