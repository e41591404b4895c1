import { visible } from "../text/visible";

interface Props {
  label: string;
  value: string;
  names: readonly string[];
  all: string;
  onChange(value: string): void;
}

/** One of some names, or all of them. */
export function Choice({ label, value, names, all, onChange }: Props) {
  // A value that the address names stays choosable though the server does not list it.
  const options = value === "" || names.includes(value) ? names : [value, ...names];
  return (
    <label>
      {label}
      <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{all}</option>
        {options.map((name) => (
          <option key={name} value={name}>
            {visible(name)}
          </option>
        ))}
      </select>
    </label>
  );
}
