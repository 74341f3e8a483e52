import { formatJson } from "@/lib/json";
import "./pill.css";
import { useFormat } from "@/app/appearance";
import { useLabels } from "@/lib/labels";

/** A value of a trait, tag or property, readable in one line; the whole is in the title. */
export function Value({ value }: { value: unknown }) {
  const format = useFormat();
  if (value === null || value === undefined) return <span className="muted">–</span>;
  if (typeof value === "number" || typeof value === "bigint")
    return <span className="n">{format.num(value, 6)}</span>;
  if (typeof value === "boolean") return <code>{String(value)}</code>;
  const text = typeof value === "string" ? value : formatJson(value);
  return (
    <span
      className={typeof value === "string" ? "value" : "value mono"}
      title={text.length > 60 ? text : undefined}
    >
      {text === "" ? '""' : text}
    </span>
  );
}

/** The first few properties of an event, as people skim them. */
export function PropertyPreview({
  properties,
  max = 4,
}: {
  properties: Record<string, unknown> | null;
  max?: number;
}) {
  const labels = useLabels();
  const entries = Object.entries(properties ?? {}).filter(([, v]) => v !== null && v !== "");
  if (entries.length === 0) return null;
  return (
    <span className="props">
      {entries.slice(0, max).map(([k, v]) => (
        <span key={k}>
          <small title={k}>{labels.property(k)}</small> {typeof v === "object" ? formatJson(v) : String(v)}
        </span>
      ))}
    </span>
  );
}
