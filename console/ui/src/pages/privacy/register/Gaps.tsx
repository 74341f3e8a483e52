import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { useSetSearch } from "@/lib/useSetSearch";
import { useClassLabel } from "./parts";
import type { Gap, Register } from "./queries";

const shownFirst = 6;

/** What is collected, shared and asked for without being written down, and what of the register is no longer so. */
export function Gaps({ register }: { register: Register }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [all, setAll] = useState(false);
  const { gaps } = register;
  const shown = all ? gaps : gaps.slice(0, shownFirst);
  return (
    <section className="card" data-testid="gaps">
      <div className="card-head">
        <h2>{t("register.gaps")}</h2>
        {gaps.length > 0 && (
          <Pill tone="warn" dot>
            {format.num(gaps.length)}
          </Pill>
        )}
      </div>
      {gaps.length === 0 ? (
        <p className="card-pad muted">{t("register.noGaps")}</p>
      ) : (
        <ul className="register-gaps">
          {shown.map((g) => (
            <Line key={`${g.kind} ${g.activity} ${g.subject}`} gap={g} register={register} />
          ))}
        </ul>
      )}
      {gaps.length > shownFirst && (
        <Button type="text" size="small" onClick={() => setAll(!all)}>
          {all ? t("register.fewer") : t("register.more", { n: format.num(gaps.length - shown.length) })}
        </Button>
      )}
    </section>
  );
}

function Line({ gap, register }: { gap: Gap; register: Register }) {
  const { t, i18n } = useTranslation();
  const setSearch = useSetSearch();
  const label = useClassLabel();
  const fields =
    gap.kind === "data" ? register.facts.data.find((d) => d.class === gap.subject)?.fields : undefined;
  const purpose =
    gap.kind === "purpose" ? register.facts.purposes.find((p) => p.key === gap.subject) : undefined;
  const name = purpose ? (i18n.language.startsWith("zh") ? purpose.zh : purpose.en) : label(gap.name);
  const activity = register.activities.find((a) => a.id === gap.activity);
  return (
    <li>
      <span>{t(`register.gap.${gap.kind}`, { name })}</span>
      {fields && <code className="muted ellipsis">{fields.slice(0, 4).join(" ")}</code>}
      <span className="push-right row muted">
        <RelativeTime at={gap.found_at} />
        {activity && (
          <button type="button" className="door" onClick={() => setSearch({ open: activity.id }, "push")}>
            {activity.name}
          </button>
        )}
      </span>
    </li>
  );
}
