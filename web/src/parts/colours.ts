// Colours of the style sheet for what draws them itself.

/** Calls when colours have changed. Returns how to stop that. */
export function onThemeChange(call: () => void): () => void {
  const chosen = new MutationObserver(call);
  chosen.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", call);
  return () => {
    chosen.disconnect();
    dark.removeEventListener("change", call);
  };
}

/** What variables are in the theme of now. A variable itself holds both themes; only a colour that uses it is one. */
export function readColours<Name extends string>(names: readonly Name[]): Record<Name, string> {
  const probe = document.createElement("i");
  document.body.append(probe);
  const style = getComputedStyle(probe);
  const read = names.map((name) => {
    probe.style.color = `var(${name})`;
    return [name, style.color] as const;
  });
  probe.remove();
  return Object.fromEntries(read) as Record<Name, string>;
}

/** A colour that was read, let through by `share`. */
export const translucent = (colour: string, share: number) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
