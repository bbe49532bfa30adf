/* The filter bar's address names only what is filtered by: shorter to share, and the same as a link to it. */
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches?.("form.filters")) return;
  for (const [name, value] of [...event.detail.formData]) if (value === "") event.detail.formData.delete(name);
});
