import { Select } from "antd";
import { useTranslation } from "react-i18next";
import { type Default, defaults } from "./diff";
import type { PlanAction, PlanDocument } from "./queries";
import { usePlanWords } from "./words";

const choices: Readonly<Record<Default, readonly PlanAction[]>> = {
  unplanned_events: ["allow", "quarantine", "reject"],
  unplanned_properties: ["allow", "drop", "quarantine", "reject"],
  missing: ["allow", "quarantine", "reject"],
  invalid: ["allow", "coerce", "drop", "quarantine", "reject"],
};

/** What becomes of what is otherwise than the plan says. */
export function DefaultsCard(props: {
  document: PlanDocument;
  may: boolean;
  onChange: (next: PlanDocument) => void;
}) {
  const { t } = useTranslation();
  const words = usePlanWords();
  const { document, may, onChange } = props;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("plans.defaults.title")}</h2>
      </div>
      <div className="card-pad plan-defaults">
        {defaults.map((of) => {
          const value = document[of] || "allow";
          return (
            <div key={of} className="plan-field">
              <span>{t(`plans.defaults.${of}`)}</span>
              <Select<PlanAction>
                aria-label={t(`plans.defaults.${of}`)}
                value={value}
                disabled={!may}
                onChange={(next) => onChange({ ...document, [of]: next })}
                options={choices[of].map((a) => ({ value: a, label: words.action(a) }))}
              />
              <p className="muted">{t(`plans.becomes.${value}`)}</p>
            </div>
          );
        })}
      </div>
    </section>
  );
}
