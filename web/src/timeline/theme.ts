/** Calls whenever the style sheet's variables may be others. */
export function onThemeChange(call: () => void): () => void {
  const observer = new MutationObserver(call);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", call);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", call);
  };
}
