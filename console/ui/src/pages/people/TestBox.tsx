import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Input, Select } from "antd";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { checkIdentifierQuery } from "@/api/queries";
import type { IdentifierVerdict, IdentityRules } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { Pill } from "@/components/Pill";
import { errorText } from "@/components/states";
import { useLabels } from "@/lib/labels";

/** Type a value, and see what becomes of it. */
export function TestBox({ rules }: { rules: IdentityRules | undefined }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const [kind, setKind] = useState("user_id");
  const [value, setValue] = useState("");
  const asked = useDeferredValue(value);
  const query = useQuery({
    ...checkIdentifierQuery(kind, asked),
    enabled: asked !== "",
    placeholderData: (last) => last,
  });
  const verdict = asked === "" ? undefined : query.data;
  return (
    <section className="card">
      <div className="card-head">
        <h2>
          {t("people.rules.test.title")} <small>{t("people.rules.test.about")}</small>
        </h2>
      </div>
      <div className="rules-test">
        <Select
          aria-label={t("people.rules.kind")}
          value={kind}
          onChange={setKind}
          popupMatchSelectWidth={false}
          options={(rules?.kinds ?? []).map((k) => ({ value: k.kind, label: labels.identifierKind(k.kind) }))}
        />
        <Input
          aria-label={t("people.rules.test.value")}
          placeholder={t("people.rules.test.placeholder")}
          value={value}
          maxLength={2000}
          allowClear
          onChange={(e) => setValue(e.target.value)}
        />
        <div className="rules-verdict" aria-live="polite">
          {verdict && <Verdict verdict={verdict} />}
          {query.error && asked !== "" && <span className="muted">{errorText(query.error)}</span>}
        </div>
      </div>
      {verdict && verdict.refusal === "blocked" && verdict.holders.length > 0 && (
        <div className="card-pad">
          <Holders verdict={verdict} />
        </div>
      )}
    </section>
  );
}

function Verdict({ verdict: v }: { verdict: IdentifierVerdict }) {
  const { t, i18n } = useTranslation();
  const labels = useLabels();
  if (v.refusal === "blocked") {
    const shape =
      v.blocked_by.startsWith("{") && i18n.exists(`people.rules.shapes.${v.blocked_by.slice(1, -1)}`);
    return (
      <>
        <Pill tone="bad">{t("people.rules.test.blocked")}</Pill>
        <span>
          {t(v.everywhere ? "people.rules.test.byEverywhere" : "people.rules.test.byKind", {
            entry: shape ? t(`people.rules.shapes.${v.blocked_by.slice(1, -1) as "zeros"}`) : v.blocked_by,
            kind: labels.identifierKind(v.kind),
          })}
        </span>
      </>
    );
  }
  if (v.refusal !== "") {
    return (
      <>
        <Pill tone="bad">{t("people.rules.test.refused")}</Pill>
        <span>{t(`people.rules.test.${v.refusal}`, { kind: labels.identifierKind(v.kind) })}</span>
      </>
    );
  }
  const [holder] = v.holders;
  return (
    <>
      <Pill tone="good">{t(`people.rules.test.${v.role}`)}</Pill>
      <span className="ellipsis">
        {t("people.rules.test.stored")} <code>{v.value}</code>
      </span>
      {holder && (
        <Link to="/people/$ref" params={{ ref: holder.person }} className="text-link nowrap">
          {t("people.rules.holder.open")}
        </Link>
      )}
    </>
  );
}

/** Who has been joined by a value already, and what to do about it. */
export function Holders({ verdict }: { verdict: IdentifierVerdict }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <div className="person-note rules-holders">
      <p>{t("people.rules.holder.text")}</p>
      <ul>
        {verdict.holders.map((h) => (
          <li key={h.kind + h.value}>
            <Link
              to="/people/$ref"
              params={{ ref: h.person }}
              search={{ tab: "identity" }}
              className="text-link"
            >
              {h.person}
            </Link>{" "}
            <span className="muted">
              {t("people.rules.holder.size", { count: h.identifiers, n: format.num(h.identifiers) })}
              {h.merges > 0 &&
                ` · ${t("people.rules.holder.merges", { count: h.merges, n: format.num(h.merges) })}`}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
