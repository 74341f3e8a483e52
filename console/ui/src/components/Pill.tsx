import type { ReactNode } from "react";
import "./pill.css";

export type Tone = "plain" | "good" | "bad" | "warn" | "gold";

/** A word about a state. Colour is never the only sign: the word says it too. */
export function Pill({ tone = "plain", dot, children }: { tone?: Tone; dot?: boolean; children: ReactNode }) {
  return (
    <span className="pill" data-tone={tone}>
      {dot && <i aria-hidden="true" />}
      {children}
    </span>
  );
}

/** An identifier: its kind in grey, its value in monospace. */
export function IdentifierChip({ kind, value, label }: { kind: string; value: string; label: string }) {
  return (
    <span className="idchip" title={`${kind}:${value}`}>
      {label && <small>{label}</small>}
      <code>{value}</code>
    </span>
  );
}
