import type { ComponentChildren } from "preact";

interface Props {
  name: string;
  /** It has the room of two. */
  wide?: boolean;
  children: ComponentChildren;
}

/** One line of a <dl class="facts">. */
export function Fact({ name, wide = false, children }: Props) {
  return (
    <div class={wide ? "wide" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
