/* Half a date is sent as none, and "expires never" would be saved: the browser says what is missing before the form leaves.
   In the capturing phase, before htmx and the busy button. */
document.addEventListener("submit", (event) => {
  const field = [...event.target.elements].find((element) => element.validity?.badInput);
  if (!field) return;
  event.preventDefault();
  event.stopPropagation();
  field.reportValidity();
}, true);
