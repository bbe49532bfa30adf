/* "/" goes to the search field; Ctrl or Cmd and Enter press the page's main button (data-run), or the open dialog's. */
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, textarea, select, [contenteditable], dialog, [popover]")) {
    const search = document.querySelector("[data-slash]");
    if (search) { event.preventDefault(); search.focus(); }
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const dialog = document.querySelector("dialog:modal");
    const run = dialog ? dialog.querySelector(".dialog__foot [type=submit]:not(:disabled)") : document.querySelector("[data-run]:not(:disabled)");
    if (run) { event.preventDefault(); run.click(); }
  }
});
