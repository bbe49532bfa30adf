/* The body template's dialect (spec 02, Templates), as far as the editor checks it while typing: JSON in which a value may be a
   bare {{placeholder}}, strings may hold placeholders, and \{{ is a literal {{. The server decides; this is for quick help. */
export const PLACEHOLDER = /\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}/y;
const STRING = /"(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}|\{\{)|[^"\\\u0000-\u001f])*"/y;
const ATOM = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

const matchAt = (pattern, text, at) => { pattern.lastIndex = at; return pattern.exec(text); };

/* Every placeholder as {name, at, length}, escaped ones left out. A doubled backslash is the JSON spelling of a literal. */
export function placeholders(text) {
  const found = [];
  for (let at = text.indexOf("{{"); at !== -1; at = text.indexOf("{{", at)) {
    const match = text[at - 1] === "\\" ? null : matchAt(PLACEHOLDER, text, at);
    if (match) found.push({ name: match[1], at, length: match[0].length });
    at += match ? match[0].length : 2;
  }
  return found;
}

export function position(text, at) {
  const lines = text.slice(0, at).split("\n");
  return { line: lines.length, column: lines.at(-1).length + 1 };
}

/* Where the first problem is: null, or {at, why}. */
export function fault(text) {
  let i = 0;
  const stop = (why = "Not valid JSON", at = i) => { throw Object.assign(new Error(why), { at }); };
  const blanks = () => { while (i < text.length && " \t\n\r".includes(text[i])) i++; };
  const take = (pattern) => { const match = matchAt(pattern, text, i); if (!match) stop(); i += match[0].length; return match[0]; };
  const list = (end, item) => {
    i++; blanks();
    if (text[i] === end) { i++; return; }
    for (;;) { item(); blanks(); if (text[i] === end) { i++; return; } if (text[i] !== ",") stop(); i++; }
  };
  const member = () => {
    blanks();
    const at = i, key = take(STRING);
    if (placeholders(key).length) stop("Placeholder in a key", at);
    blanks(); if (text[i] !== ":") stop(); i++;
    value();
  };
  const value = () => {
    blanks();
    if (text[i] === '"') take(STRING);
    else if (text.startsWith("{{", i) && matchAt(PLACEHOLDER, text, i)) take(PLACEHOLDER);
    else if (text[i] === "{") list("}", member);
    else if (text[i] === "[") list("]", value);
    else take(ATOM);
    if (/[\w{"-]/.test(text[i] ?? "")) stop("Placeholder or value glued to another");
  };
  try { value(); blanks(); if (i < text.length) stop(); return null; } catch (error) {
    if (error.at === undefined) throw error;
    return { at: error.at, why: error.message };
  }
}

/* The first problem as a sentence, or "" when there is none. `known` and `required` are sets of variable names. */
export function problem(text, known, required) {
  const where = (at) => { const { line, column } = position(text, at); return `line ${line}, column ${column}`; };
  const broken = fault(text);
  if (broken) return `${broken.why}: ${where(broken.at)}`;
  const used = placeholders(text), unknown = used.find(({ name }) => !known.has(name));
  if (unknown) return `Unknown variable {{${unknown.name}}}: ${where(unknown.at)}`;
  const names = new Set(used.map(({ name }) => name === "system.prompt" ? "system_prompt" : name));
  const unused = [...required].find((name) => !names.has(name));
  return unused ? `Required variable {{${unused}}} is not used` : "";
}
