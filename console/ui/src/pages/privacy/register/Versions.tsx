import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useClassLabel } from "./parts";
import { bases, decisions, type Register, registerVersionsQuery } from "./queries";
import { differences } from "./versions";

const states = ["draft", "in_review", "approved", "withdrawn"] as const;

// How the field of a record is called; those of the head beside them.
const fields = {
  name: "name",
  description: "description",
  purposes: "purposes",
  basis: "basis",
  basis_note: "basisNote",
  people: "people",
  classes: "data",
  other_data: "otherData",
  recipients: "recipients",
  rules: "rules",
  retention: "retention",
  measures: "measures",
  automated: "automated",
  owner: "owner",
  review_at: "reviewAt",
  ended: "isEnded",
  title: "assessmentTitle",
  necessity: "necessity",
  impact: "impact",
  risks: "risks",
  opinion: "opinion",
  heard: "heard",
  decision: "decision",
  valid_until: "validUntil",
  state: "state",
  submitted_by: "submitted",
  approved_by: "approvedBy",
  approved_at: "approvedAt",
  country: "country",
  controller: "heads.controller",
  contact: "heads.contact",
  officer: "heads.officer",
  representative: "heads.representative",
  joint_with: "heads.joint_with",
} as const;

/** Who changed a record when, and what each version says that the one before did not. */
export function Versions({ id, register }: { id: string; register: Register }) {
  const { t, i18n } = useTranslation();
  const label = useClassLabel();
  const [open, setOpen] = useState(false);
  const query = useQuery({ ...registerVersionsQuery(id), enabled: open });
  const items = query.data?.items;
  const nameOf = (field: string) =>
    field in fields ? t(`register.${fields[field as keyof typeof fields]}`) : field;
  const says = (field: string, value: string) => {
    const [basis, decision, state] = [
      bases.find((b) => b === value),
      decisions.find((d) => d === value),
      states.find((s) => s === value),
    ];
    if (field === "basis" && basis) return t(`register.bases.${basis}`);
    if (field === "decision" && decision) return t(`register.decisions.${decision}`);
    if (field === "state" && state) return t(`register.states.${state}`);
    if (field === "classes") return label(value);
    if (field === "automated" || field === "ended") return t("register.yes");
    const purpose = field === "purposes" && register.facts.purposes.find((p) => p.key === value);
    return purpose ? (i18n.language.startsWith("zh") ? purpose.zh : purpose.en) : value;
  };
  return (
    <section>
      <h3 className="drawer-title">
        <button type="button" className="door" aria-expanded={open} onClick={() => setOpen(!open)}>
          {t("register.versions")}
        </button>
      </h3>
      {open && query.error && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {open && !query.error && !items && <span className="bone" style={{ width: "60%" }} />}
      {open && (
        <ol className="register-versions">
          {items?.map((v, i) => {
            const changes = differences(items[i + 1]?.record, v.record);
            return (
              <li key={v.version}>
                <p className="row">
                  <b>{t("register.version", { version: v.version, name: v.changed_by })}</b>
                  <span className="muted push-right">
                    <ExactTime at={v.changed_at} />
                  </span>
                </p>
                {changes.length === 0 && <p className="muted">{t("register.sameAsBefore")}</p>}
                <dl className="pairs">
                  {changes.map((d) => (
                    <div key={d.field} style={{ display: "contents" }}>
                      <dt>{nameOf(d.field)}</dt>
                      <dd>
                        {d.from.map((value) => (
                          <del key={value}>{says(d.field, value)}</del>
                        ))}
                        {d.to.map((value) => (
                          <ins key={value}>{says(d.field, value)}</ins>
                        ))}
                      </dd>
                    </div>
                  ))}
                </dl>
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}
