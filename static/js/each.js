/* Run `start(element)` for every element that matches, now and in whatever htmx swaps in later. */
export function each(selector, start) {
  const within = (scope) => {
    if (scope.matches?.(selector)) start(scope);
    scope.querySelectorAll(selector).forEach(start);
  };
  within(document);
  document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) within(event.detail.elt); });
}
