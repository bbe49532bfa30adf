/* Copy: the text of data-copy, or of the element that data-copy-from names. */
import { announce } from "./live.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copyFrom ?? "");
  const text = button.dataset.copy ?? source?.value ?? source?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied");
  } catch {
    source?.select?.();                          // without the right to the clipboard: ready for Ctrl C
    announce("Not copied. The text is selected; copy it with the keyboard.");
  }
});
