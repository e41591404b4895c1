import { visible } from "../text/visible";

interface Props {
  label: string;
  value: string;
  names: readonly string[];
  /** Of all of them; without it one must be chosen. */
  all?: string;
  wordsOf?(name: string): string;
  onChange(value: string): void;
}

/** One of some names, or all of them. */
export function Choice({ label, value, names, all, wordsOf = visible, onChange }: Props) {
  // A value that the address names stays choosable though the server does not list it.
  const options = value === "" || names.includes(value) ? names : [value, ...names];
  return (
    <label>
      {label}
      <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {all !== undefined && <option value="">{all}</option>}
        {options.map((name) => (
          <option key={name} value={name}>
            {wordsOf(name)}
          </option>
        ))}
      </select>
    </label>
  );
}
