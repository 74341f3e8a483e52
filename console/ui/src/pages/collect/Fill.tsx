import { useFormat } from "@/app/appearance";
import { formatJson } from "@/lib/json";

/** How often a property is there: a bar and its figure. */
export function Fill({ rate }: { rate: number }) {
  const format = useFormat();
  return (
    <span className="fill">
      <i aria-hidden="true">
        <b style={{ width: `${Math.min(100, rate * 100)}%` }} />
      </i>
      <span className="n">{format.percent(rate, rate > 0 && rate < 0.1 ? 1 : 0)}</span>
    </span>
  );
}

export function Examples({ values }: { values: readonly unknown[] }) {
  const texts = [...new Set(values.map((v) => (typeof v === "string" ? v : formatJson(v))))];
  return (
    <span className="examples" title={texts.join("\n")}>
      {texts.slice(0, 4).map((text) => (
        <code key={text}>{text === "" ? '""' : text}</code>
      ))}
    </span>
  );
}
