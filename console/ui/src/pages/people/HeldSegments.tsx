import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { PersonConsents } from "@/api/types";
import { Pill } from "@/components/Pill";
import { usePurposes } from "@/lib/usePurposes";
import { outcomeTones } from "./outcomes";

type Held = PersonConsents["segments"][number];

/** The segments that the person is in and may not be acted on for, and why. */
export function HeldSegments({ held, of }: { held: readonly Held[] | undefined; of: number }) {
  const { t } = useTranslation();
  const { nameOf } = usePurposes();
  if (!held || of === 0) return null;
  return (
    <section className="card card-pad" data-testid="person-held">
      <h2>{t("consent.heldTitle")}</h2>
      <p className="muted">
        {held.length === 0
          ? t("consent.heldNone", { count: of, of })
          : t("consent.heldSome", { count: of, n: held.length, of })}
      </p>
      <ul className="held-segments">
        {held.map((s) => (
          <li key={s.id}>
            <Link to="/segments/$id" params={{ id: s.id }} className="text-link ellipsis">
              {s.name}
            </Link>
            <Pill tone={outcomeTones[s.outcome]} dot>
              {t(`consent.outcome.${s.outcome}`)}
            </Pill>
            <span className="muted">
              {s.purpose ? `${nameOf(s.purpose)} · ` : ""}
              {t(`consent.reason.${s.reason}`)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
