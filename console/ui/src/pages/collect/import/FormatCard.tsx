import { InputNumber, Select } from "antd";
import { useTranslation } from "react-i18next";
import type { FileGuess } from "@/api/types";
import { type FormatKey, formatKeys, type Mapping } from "./mapping";
import { useGuessReason } from "./useGuessReason";

const encodings = [
  "utf-8",
  "gbk",
  "gb18030",
  "big5",
  "shift_jis",
  "euc-kr",
  "utf-16le",
  "utf-16be",
  "windows-1252",
];
const delimiters: readonly (readonly [string, "comma" | "semicolon" | "tab" | "pipe" | "whitespace"])[] = [
  [",", "comma"],
  [";", "semicolon"],
  ["\t", "tab"],
  ["|", "pipe"],
  ["whitespace", "whitespace"],
];

/** How the file is written: what was guessed and why, and what people said instead. */
export function FormatCard(props: {
  guess: FileGuess;
  mapping: Mapping;
  said: Mapping;
  onSay: (key: FormatKey, value: unknown) => void;
}) {
  const { t } = useTranslation();
  const reason = useGuessReason();
  const csv = props.guess.format === "csv";
  const keys = formatKeys.filter((k) => csv || k === "format" || k === "encoding");
  const options: Record<FormatKey, { value: string; label: string; means: unknown }[]> = {
    format: ["csv", "ndjson", "json", "parquet"].map((v) => ({ value: v, label: v.toUpperCase(), means: v })),
    encoding: encodings.map((v) => ({ value: v, label: v.toUpperCase(), means: v })),
    delimiter: delimiters.map(([v, name]) => ({ value: v, label: t(`importFile.format.${name}`), means: v })),
    header: [
      { value: "true", label: t("importFile.format.names"), means: true },
      { value: "false", label: t("importFile.format.data"), means: false },
    ],
    decimal: [
      { value: ".", label: t("importFile.format.point"), means: "." },
      { value: ",", label: t("importFile.format.commaDecimal"), means: "," },
    ],
    skip: [],
  };
  const others = props.guess.guesses.filter((g) => !(formatKeys as readonly string[]).includes(g.key));
  const word = (key: string) =>
    key === "line_end" || key === "escape" || key === "columns" || key === "rows" || key === "layout"
      ? t(`importFile.format.${key}`)
      : key;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("importFile.format.title")}</h2>
      </div>
      <dl className="format-grid">
        {keys.map((key) => {
          const guess = props.guess.guesses.find((g) => g.key === key);
          const value = props.mapping[key];
          const set = key in props.said;
          const label = t(`importFile.format.${key}`);
          return (
            <div key={key}>
              <dt>{label}</dt>
              <dd>
                {key === "skip" ? (
                  <InputNumber
                    size="small"
                    min={0}
                    max={1000}
                    aria-label={label}
                    value={typeof value === "number" ? value : 0}
                    onChange={(n) => props.onSay(key, n ?? undefined)}
                  />
                ) : (
                  <Select
                    size="small"
                    aria-label={label}
                    value={value === undefined ? "" : String(value)}
                    options={[
                      { value: "", label: t("importFile.format.auto") },
                      ...options[key].map(({ value, label }) => ({ value, label })),
                      ...(value !== undefined && !options[key].some((o) => o.value === String(value))
                        ? [{ value: String(value), label: String(value) }]
                        : []),
                    ]}
                    onChange={(v) =>
                      props.onSay(key, v === "" ? undefined : options[key].find((o) => o.value === v)?.means)
                    }
                  />
                )}
                <small className="muted">
                  {set
                    ? t("importFile.format.changed")
                    : guess
                      ? reason(guess.reason)
                      : value !== undefined
                        ? t("importFile.format.guessed")
                        : t("importFile.format.usual")}
                </small>
              </dd>
            </div>
          );
        })}
        {others.map((g) => (
          <div key={g.key + (g.column ?? "")}>
            <dt>{word(g.key)}</dt>
            <dd>
              <code className="ellipsis" title={g.value}>
                {g.value}
              </code>
              <small className="muted">{reason(g.reason)}</small>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
