import { useState } from "preact/hooks";

interface Props {
  label: string;
  placeholder: string;
  value: string;
  size: number;
  onSet(typed: string): void;
}

/**
 * A time of the trace, in seconds. What is typed is not in the address yet, and must outlive the page's being drawn
 * anew every second.
 */
export function TimeInput({ label, placeholder, value, size, onSet }: Props) {
  const [typed, setTyped] = useState<string>();
  return (
    <input
      type="text"
      inputMode="decimal"
      size={size}
      aria-label={label}
      placeholder={placeholder}
      value={typed ?? value}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onChange={(event) => {
        onSet(event.currentTarget.value.trim());
        setTyped(undefined);
      }}
    />
  );
}
