/* Theme. A classic script in the head: it marks the page as scripted before the first paint, so that nothing meant for
   pages without script flashes up. The server has already set data-theme from the cookie. */
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  const apply = (theme) => {
    const secure = location.protocol === "https:" ? ";secure" : "";
    if (theme === "system") {
      delete root.dataset.theme;
      document.cookie = `theme=;path=/;max-age=0;samesite=lax${secure}`;
    } else {
      root.dataset.theme = theme;
      document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax${secure}`;
    }
  };
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    event.preventDefault();
    apply(isDark() ? "light" : "dark");
  });
  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-theme-form]") && event.target.name === "theme") apply(event.target.value);
  });
})();
