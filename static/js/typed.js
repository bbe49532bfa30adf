/* What is typed while an answer is on its way stays: the swap brings the form as it was sent, this puts the newer text back.
   And a request that a newer one replaces is no error: htmx would write it to the console as one. */
const FIELDS = "textarea[name], input[name]:not([type=hidden], [type=checkbox], [type=radio], [type=file], [type=range])";

const sent = new WeakMap();                      // request -> name -> text as it was sent
let newer = [];                                  // what the form says now instead: name, text, the caret where it is

const formOf = (element) => element.closest?.("[data-keeps-typed]");
const caretOf = (field) => field === document.activeElement && field.selectionStart;
const texts = (form) => new Map([...form.querySelectorAll(FIELDS)].map((field) => [field.name, field.value]));

document.addEventListener("htmx:beforeSend", (event) => {
  const form = formOf(event.detail.elt);
  if (form) sent.set(event.detail.xhr, texts(form));
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const form = document.querySelector("[data-keeps-typed]"), then = sent.get(event.detail.xhr);
  newer = [];
  for (const field of form && then ? form.querySelectorAll(FIELDS) : []) {
    if (then.has(field.name) && then.get(field.name) !== field.value) newer.push([field.name, field.value, caretOf(field)]);
  }
});

document.addEventListener("htmx:afterSwap", () => {
  const form = document.querySelector("[data-keeps-typed]");
  for (const [name, text, caret] of newer.splice(0)) {
    const field = form?.querySelector(`[name="${CSS.escape(name)}"]`);
    if (!field || field.value === text) continue;
    field.value = text;
    if (caret !== false) field.setSelectionRange(caret, caret);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

const QUIET = ["htmx:afterRequest", "htmx:sendAbort"];  // what failed otherwise is written by its own name besides
if (window.htmx) window.htmx.logger = (element, name, detail) => { if (QUIET.includes(name)) delete detail.error; };
