/* Announcements to screen readers, in the polite live region #live.
   From a script: announce("..."). From the server: an element with data-announce="..." in a fragment, or HX-Trigger {"announce": "..."}. */
export function announce(text) {
  const region = document.getElementById("live");
  if (!region) return;
  region.textContent = "";                       // the same text twice is only read twice if it was gone in between
  requestAnimationFrame(() => { region.textContent = text; });
}

document.addEventListener("announce", (event) => announce(event.detail.value ?? ""));
document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt === document.body) return;  // a page that has just been opened is read anyway
  const said = event.detail.elt.closest?.("[data-announce]") ?? event.detail.elt.querySelector?.("[data-announce]");
  if (said) announce(said.dataset.announce);
});
