/* A form that is on its way cannot be sent again: the button says busy and keeps its width.
   htmx forms are left alone, htmx does the same with .htmx-request. */
const RELEASE_AFTER_MS = 10000;                  // an answer that is not a page (a download) leaves this one standing

function release(form) {
  delete form.dataset.sent;
  form.querySelectorAll('[aria-busy="true"]').forEach((button) => button.removeAttribute("aria-busy"));
}

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method !== "post") return;
  form.dataset.sent = "1";
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(() => release(form), RELEASE_AFTER_MS);
});

// Back from the browser's cache: the page is as it was left, busy.
addEventListener("pageshow", (event) => { if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(release); });
