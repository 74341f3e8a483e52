import { useQuery } from "@tanstack/react-query";
import { Input } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Rule } from "@/api/types";
import { ErrorState, errorText } from "@/components/states";
import { stableJson } from "@/lib/json";
import { asGroup } from "@/lib/rule";
import { useRested } from "@/lib/useDraft";

/** A rule as text (docs/rules-text.md). The server reads and writes it; a mistake is told with its line and column. */
export function TextRule({ rule, onChange }: { rule: Rule | null; onChange: (rule: Rule) => void }) {
  const { t } = useTranslation();
  // What is being written; null until then: the text is the rule's.
  const [text, setText] = useState<string | null>(null);
  const rested = useRested(text, 400);
  const printed = useQuery({
    queryKey: ["rule-reading", "rule", rule],
    queryFn: ({ signal }) =>
      data(api.POST("/api/v1/segments/reading", { signal, body: { rule: rule as Rule } })),
    enabled: text === null && rule !== null,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const read = useQuery({
    queryKey: ["rule-reading", "text", rested],
    queryFn: ({ signal }) =>
      data(api.POST("/api/v1/segments/reading", { signal, body: { text: rested ?? "" } })),
    enabled: rested !== null && rested.trim() !== "",
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  // What was read is the draft's, once.
  const given = useRef("");
  const change = useRef(onChange);
  useEffect(() => {
    change.current = onChange;
  });
  const found = read.data?.rule;
  useEffect(() => {
    if (!found) return;
    const next = asGroup(found);
    const key = stableJson(next);
    if (key === given.current) return;
    given.current = key;
    change.current(next);
  }, [found]);
  // The rule changed by other means (undo, back): the text follows.
  const now = rule ? stableJson(asGroup(rule)) : "";
  useEffect(() => {
    if (given.current !== "" && now !== given.current) {
      given.current = "";
      setText(null);
    }
  }, [now]);

  if (printed.error && text === null)
    return <ErrorState error={printed.error} onRetry={() => void printed.refetch()} />;
  const wrong = text !== null && rested === text && read.error ? errorText(read.error) : null;
  return (
    <div className="rule-json" aria-busy={printed.isFetching || read.isFetching}>
      <Input.TextArea
        aria-label={t("explorer.text.label")}
        aria-invalid={wrong !== null}
        status={wrong ? "error" : ""}
        spellCheck={false}
        autoSize={{ minRows: 6, maxRows: 32 }}
        value={text ?? (rule ? (printed.data?.text ?? "") : "")}
        onChange={(e) => setText(e.target.value)}
      />
      {wrong ? (
        <p className="rule-error" role="alert">
          {wrong}
        </p>
      ) : (
        <p className="preview-note muted">{t("explorer.text.hint")}</p>
      )}
    </div>
  );
}
