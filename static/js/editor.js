/* JSON body editor: a highlighted copy painted under a transparent textarea. The copy is built from text nodes, never from markup.
   On [data-editor]: data-vars and data-required, names separated by blanks. Tab indents; Esc, then Tab leaves. */
import { announce } from "./live.js";
import { each } from "./each.js";
import { PLACEHOLDER, problem } from "./template_check.js";

const TOKEN = /("(?:\\.|[^"\\\n])*"?)(\s*:)?|(\{\{\s*[A-Za-z_][\w.-]*\s*\}\})|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b|([{}[\],:])/g;
const IN_STRING = new RegExp(`(?<!\\\\)${PLACEHOLDER.source}`, "g");
const names = (text) => new Set((text || "").split(/\s+/).filter(Boolean));

function span(kind, text) {
  return Object.assign(document.createElement("span"), { className: kind, textContent: text });
}

function withVariables(text, kind, known) {
  const box = span(kind, "");
  let last = 0;
  for (const match of text.matchAll(IN_STRING)) {
    box.append(text.slice(last, match.index), span(known.has(match[1]) ? "t-var" : "t-var t-var--unknown", match[0]));
    last = match.index + match[0].length;
  }
  box.append(text.slice(last));
  return box;
}

function paint(text, known) {
  const out = document.createDocumentFragment();
  let last = 0;
  for (const match of text.matchAll(TOKEN)) {
    out.append(text.slice(last, match.index));
    last = match.index + match[0].length;
    if (match[1] !== undefined && match[2] !== undefined) out.append(span("t-key", match[1]), match[2]);
    else if (match[1] !== undefined) out.append(withVariables(match[1], "t-str", known));
    else if (match[3]) out.append(withVariables(match[3], "", known));
    else if (match[4]) out.append(span("t-num", match[4]));
    else if (match[5]) out.append(span("t-atom", match[5]));
    else out.append(span("t-punct", match[6]));
  }
  out.append(text.slice(last), "\n");
  return out;
}

function edit(box) {
  const input = box.querySelector(".editor__input"), layer = box.querySelector(".editor__paint");
  const lines = box.querySelector(".editor__lines"), status = box.querySelector("[data-json-status]");
  const render = () => {
    const known = names(box.dataset.vars), text = input.value, rows = text.split("\n");
    layer.replaceChildren(paint(text, known));
    input.rows = rows.length + 1;                // where field-sizing is missing
    input.cols = Math.max(...rows.map((row) => row.length)) + 2;
    if (lines) lines.textContent = rows.map((_, index) => index + 1).join("\n");
    if (!status) return;
    if (!text.trim()) { status.className = ""; status.textContent = "Checked as you type"; return; }
    const wrong = problem(text, known, names(box.dataset.required));
    status.className = wrong ? "bad" : "ok";
    status.textContent = wrong || "Valid JSON";
  };
  const insert = (text) => {
    input.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  box.classList.add("is-live");
  input.addEventListener("input", render);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") box.dataset.free = "1";
    else if (event.key === "Tab" && !event.shiftKey && !box.dataset.free && !input.readOnly) { event.preventDefault(); insert("  "); }
    else if (event.key !== "Tab" && event.key !== "Shift") delete box.dataset.free;
  });
  input.addEventListener("blur", () => delete box.dataset.free);
  box.addEventListener("click", (event) => {
    const variable = event.target.closest("[data-insert]");
    if (variable) { insert(variable.dataset.insert); input.focus(); }
    if (event.target.closest("[data-format]")) format(input, insert);
  });
  new MutationObserver(render).observe(box, { attributeFilter: ["data-vars", "data-required"] });
  render();
}

/* Pretty-print what is JSON already; bare placeholders survive by travelling as strings that no body contains. */
function format(input, insert) {
  const bare = [];
  const quoted = input.value.replace(TOKEN, (token, text, colon, placeholder) => placeholder ? `"\uE000${bare.push(placeholder) - 1}\uE000"` : token);
  try {
    const pretty = JSON.stringify(JSON.parse(quoted), null, 2).replace(/"\uE000(\d+)\uE000"/g, (_, index) => bare[index]);
    input.select();
    insert(pretty);
  } catch { announce("Not valid JSON, so it was left as it is"); }
}

each("[data-editor]", edit);
