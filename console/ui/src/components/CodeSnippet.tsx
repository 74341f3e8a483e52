import { formatJson } from "@/lib/json";
import { CopyButton } from "./CopyButton";
import "./code.css";

/** A text to paste elsewhere, with its copy button. Long lines scroll; nothing is cut. */
export function CodeSnippet({ code, maxHeight }: { code: string; maxHeight?: number }) {
  return (
    <div className="snippet">
      <CopyButton text={code} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre tabIndex={0} style={maxHeight ? { maxHeight } : undefined}>
        {code}
      </pre>
    </div>
  );
}

/** A JSON value, indented, with quiet colours. Keys and values are told apart without a parser of our own. */
export function Json({ value, maxHeight }: { value: unknown; maxHeight?: number }) {
  const text = typeof value === "string" ? value : formatJson(value, 2);
  return (
    <div className="snippet json">
      <CopyButton text={text} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre tabIndex={0} style={maxHeight ? { maxHeight } : undefined}>
        {typeof value === "string" ? value : highlight(text)}
      </pre>
    </div>
  );
}

const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function highlight(text: string) {
  // A very large event is shown plain: thousands of spans would make the drawer slow.
  if (text.length > 40_000) return text;
  const out: React.ReactNode[] = [];
  let at = 0;
  for (const m of text.matchAll(token)) {
    out.push(text.slice(at, m.index));
    const [all, string, colon, word] = m;
    if (string !== undefined) {
      out.push(
        <span key={m.index} className={colon ? "json-key" : "json-string"}>
          {string}
        </span>,
        colon ?? "",
      );
    } else {
      out.push(
        <span key={m.index} className={word ? "json-word" : "json-number"}>
          {all}
        </span>,
      );
    }
    at = m.index + all.length;
  }
  out.push(text.slice(at));
  return out;
}
