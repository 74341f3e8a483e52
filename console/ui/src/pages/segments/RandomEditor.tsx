import { Input, InputNumber } from "antd";
import { useTranslation } from "react-i18next";
import type { Rule } from "@/api/types";
import type { RandomRule } from "@/lib/rule";

/** A tenth, drawn anew: with a salt of its own, so that it goes with no other part. */
export function newRandom(): Rule {
  const salt = Array.from(crypto.getRandomValues(new Uint8Array(4)), (b) => b.toString(16).padStart(2, "0"));
  return { random: { salt: salt.join(""), from: 0, to: 10 } };
}

/** A part of all people that chance has chosen: from a percentage to another, of a draw that has a name. */
export function RandomEditor(props: { rule: RandomRule; onChange: (r: Rule) => void }) {
  const { t } = useTranslation();
  const { salt, from = 0, to = 100 } = props.rule.random;
  const set = (next: Partial<RandomRule["random"]>) =>
    props.onChange({ random: { ...props.rule.random, from, to, ...next } });
  return (
    <div className="rule-line">
      <span className="rule-kind">{t("segments.builder.random.kind")}</span>
      <InputNumber
        className="rule-n"
        aria-label={t("segments.builder.random.from")}
        min={0}
        max={100}
        precision={2}
        value={from}
        onChange={(n) => set({ from: n ?? 0 })}
      />
      <span className="muted">–</span>
      <InputNumber
        className="rule-n"
        aria-label={t("segments.builder.random.to")}
        min={0}
        max={100}
        precision={2}
        value={to}
        onChange={(n) => set({ to: n ?? 100 })}
      />
      <span className="muted">%</span>
      <Input
        className="pick pick-value"
        size="small"
        maxLength={64}
        prefix={<span className="muted">{t("segments.builder.random.salt")}</span>}
        aria-label={t("segments.builder.random.saltHelp")}
        title={t("segments.builder.random.saltHelp")}
        value={salt}
        onChange={(e) => set({ salt: e.target.value })}
      />
    </div>
  );
}
