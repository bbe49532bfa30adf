/* What loads by itself (figures, a signal path) is not waited for once the part of the page that asked for it goes away. */
document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
  if (target.matches?.('[hx-trigger="load"]')) window.htmx.trigger(target, "htmx:abort");  // text is cleaned up too, and matches nothing
});
