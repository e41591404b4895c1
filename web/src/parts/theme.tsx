import { useState } from "preact/hooks";

type Theme = "system" | "light" | "dark";
const kThemes: readonly Theme[] = ["system", "light", "dark"];
const kKey = "wakewatch.theme"; // theme.js reads it before the first paint

function storedTheme(): Theme {
  const theme = document.documentElement.dataset.theme as Theme | undefined;
  return theme === "light" || theme === "dark" ? theme : "system";
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const next = kThemes[(kThemes.indexOf(theme) + 1) % kThemes.length]!;
  const turn = () => {
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (next === "system") localStorage.removeItem(kKey);
      else localStorage.setItem(kKey, next);
    } catch {
      // Storage is forbidden: the choice holds until the page is left.
    }
    setTheme(next);
  };
  return (
    <button
      type="button"
      class="plain"
      onClick={turn}
      aria-label={`Colours: ${theme}. Change to ${next}`}
      title={`Colours: ${theme}`}
    >
      <svg viewBox="0 0 16 16" class="icon" aria-hidden="true">
        <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.5" />
        {theme === "system" && <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" />}
        {theme === "dark" && <circle cx="8" cy="8" r="5" fill="currentColor" />}
      </svg>
      {theme}
    </button>
  );
}
