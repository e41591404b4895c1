import type { Page } from "playwright-core";

/** Drops a file on the page, as a file manager would. */
export function drop(page: Page, name: string, content: Uint8Array | string): Promise<void> {
  return page.evaluate(
    ({ name, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { lastModified: 1_000_000 }));
      for (const type of ["dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    { name, base64: Buffer.from(content).toString("base64") },
  );
}
