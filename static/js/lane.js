/* The playground. A lane with data-stream follows its event stream: pieces of the answer are appended as text, then the server's own
   fragment (data-after) takes its place. A swap of the page in between finds the stream again by its address. Ctrl or Cmd + Enter runs. */
import { each } from "./each.js";
import { announce } from "./live.js";

const streams = new Map();                       // address -> { source, text, started, first }
const boxOf = (address) => document.querySelector(`[data-stream="${CSS.escape(address)}"]`);
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

function write(box, selector, text) {
  const place = box?.querySelector(selector);
  if (place) place.textContent = text;
}

function show(address) {
  const stream = streams.get(address), box = boxOf(address);
  if (!stream || !box) return;
  write(box, "[data-text]", stream.text);
  if (stream.first) write(box, "[data-readout=first]", seconds(stream.first - stream.started));
  const waiting = box.querySelector("[data-lane-waiting]");
  if (waiting) waiting.hidden = Boolean(stream.text);
}

function tick() {
  const now = performance.now();
  for (const [address, stream] of streams) {
    const box = boxOf(address);
    write(box, "[data-readout=total]", seconds(now - stream.started));
    if (!stream.first) write(box, "[data-lane-waiting]", `Waiting for the first token, ${Math.floor((now - stream.started) / 1000)} s`);
  }
  if (streams.size) setTimeout(tick, 100);
}

async function finish(address) {
  const stream = streams.get(address);
  if (!stream) return;
  stream.source.close();
  const box = boxOf(address);
  if (box) await window.htmx.ajax("GET", box.dataset.after, { target: box, swap: "outerHTML" });
  streams.delete(address);
  if (!streams.size) {
    const said = [...document.querySelectorAll("[data-over]")].map((lane) => lane.dataset.over);
    announce(`${said.length === 1 ? "The answer is there" : "All answers are there"}. ${said.join(". ")}.`);
  }
}

function follow(address) {
  const stream = { source: new EventSource(address), text: "", started: performance.now(), first: 0 };
  const idle = streams.size === 0;
  streams.set(address, stream);
  stream.source.addEventListener("text", (event) => {
    stream.first ||= performance.now();
    stream.text += JSON.parse(event.data);
    show(address);
  });
  stream.source.addEventListener("done", () => finish(address));
  stream.source.addEventListener("error", () => finish(address));  // the connection broke: the server knows what came of it
  if (idle) tick();
}

each("[data-stream]", (box) => {
  const address = box.dataset.stream;
  if (streams.has(address)) show(address); else follow(address);
});

addEventListener("pagehide", () => streams.forEach((stream) => stream.source.close()));

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.repeat) return;
  const form = document.querySelector("form[data-playground]");
  if (!form || document.querySelector("dialog:modal")) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[data-run]"));
});

/* A slider and its number are the same value; an empty number is the provider's own (is-auto). */
document.addEventListener("input", (event) => {
  const slider = event.target;
  if (slider.dataset?.slider) {
    document.getElementById(slider.dataset.slider).value = slider.value;
    slider.classList.remove("is-auto");
  } else if (slider.id) {
    const pair = document.querySelector(`[data-slider="${CSS.escape(slider.id)}"]`);
    if (!pair) return;
    if (slider.value !== "") pair.value = slider.value;
    pair.classList.toggle("is-auto", slider.value === "");
  }
});
