import { Button } from "antd";
import { useTranslation } from "react-i18next";
import type { PersonSummary } from "@/api/types";
import { strongestFirst } from "@/lib/identifiers";
import { useLabels } from "@/lib/labels";
import { PersonLink } from "./PersonLink";
import { IdentifierChip } from "./Pill";
import { RelativeTime } from "./RelativeTime";

/** People in a narrow place (drawers, cards): who, their strongest identifier, when last seen. */
export function PersonList({
  rows,
  more,
}: {
  rows: readonly PersonSummary[] | undefined;
  more?: { has: boolean; loading: boolean; load: () => void };
}) {
  const { t } = useTranslation();
  const labels = useLabels();
  return (
    <ul className="person-list" aria-busy={!rows}>
      {(rows ?? Array.from({ length: 8 }, () => null)).map((p, i) =>
        p ? (
          <li key={p.id}>
            <PersonLink person={p} avatar />
            <span className="person-list-id">
              {strongestFirst(p.identifiers)
                .slice(0, 1)
                .map((i) => (
                  <IdentifierChip key={i.value} {...i} label={labels.identifierKind(i.kind)} />
                ))}
            </span>
            <span className="muted num">
              <RelativeTime at={p.last_seen} />
            </span>
          </li>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
          <li key={i}>
            <span className="bone" style={{ width: "70%" }} />
            <span className="bone" style={{ width: "50%" }} />
            <span className="bone" style={{ width: 64 }} />
          </li>
        ),
      )}
      {more?.has && (
        <li className="person-list-more">
          <Button size="small" loading={more.loading} onClick={more.load}>
            {t("action.more")}
          </Button>
        </li>
      )}
    </ul>
  );
}
