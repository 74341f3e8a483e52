import type { ReactNode } from "react";
import { useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
import "./conditions/conditions.css";
import "./named.css";

/** An event, a property or a trait as people call it, with its name beside it in small where somebody gave it another. */
export function Named({
  sort,
  name,
  strong,
  code,
}: {
  sort: "event" | "property" | "trait";
  name: string;
  strong?: boolean;
  /** Without a display name it is shown as code. */
  code?: boolean;
}) {
  const given = useNames().shown(sort, name) !== undefined;
  const shown = useLabels()[sort](name);
  if (!given && code)
    return (
      <code className="ellipsis" title={name}>
        {name}
      </code>
    );
  return (
    <span className="named ellipsis" title={name}>
      {strong ? <b className="trait">{shown}</b> : shown}
      {given && <RawName name={name} />}
    </span>
  );
}

/** The name beside what people call it. */
export function RawName({ name }: { name: string }) {
  return <small className="raw-name">{name}</small>;
}

/** A choice in a list: what people call it, its name in small, and what else is to be said of it. */
export function ChoiceRow(props: { label: ReactNode; raw?: string | undefined; note?: ReactNode }) {
  return (
    <span className="pick-option">
      <span className="ellipsis">
        {props.label}
        {props.raw && <RawName name={props.raw} />}
      </span>
      {props.note}
    </span>
  );
}
