import { Link } from "@tanstack/react-router";
import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { DetailDrawer } from "@/components/DetailDrawer";
import { IdentifierChip } from "@/components/Pill";
import { useLabels } from "@/lib/labels";
import { splitPreview } from "./interventions";
import { InterventionState, useIntervention } from "./useIntervention";

/** What goes to the new person and what stays, before it is done; afterwards the way to both. */
export function SplitDrawer(props: {
  person: Person;
  chosen: string[];
  onDone: (other: string) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { stays, goes } = splitPreview(props.person.identifiers, props.chosen);
  const split = useIntervention(
    () =>
      data(
        api.POST("/api/v1/persons/{ref}/split", {
          params: { path: { ref: props.person.id } },
          body: { identifiers: props.chosen },
        }),
      ),
    ({ id, other }) => props.onDone(other === props.person.id ? id : other),
  );
  const n = props.chosen.length;
  return (
    <DetailDrawer
      open
      onClose={props.onClose}
      title={t("people.identity.split.title", { count: n, n: format.num(n) })}
      footer={
        <div className="row">
          <Button type="primary" loading={split.isPending} onClick={() => split.mutate()}>
            {t("people.identity.split.ok")}
          </Button>
          <Button onClick={props.onClose}>{t("action.cancel")}</Button>
        </div>
      }
    >
      <div className="stack">
        <InterventionState write={split} />
        <div className="two-persons">
          <Side title={t("people.identity.split.stays")} identifiers={stays} />
          <Side title={t("people.identity.split.goes")} identifiers={goes} />
        </div>
        <p>{t("people.identity.split.text")}</p>
        <p className="muted">{t("people.identity.split.profile")}</p>
      </div>
    </DetailDrawer>
  );
}

function Side({ title, identifiers }: { title: string; identifiers: Person["identifiers"] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  return (
    <section className="card">
      <div className="card-head">
        <h2>{title}</h2>
      </div>
      <ul className="aside-list">
        {identifiers.slice(0, 50).map((i) => (
          <li key={i.kind + i.value}>
            <IdentifierChip kind={i.kind} value={i.value} label={labels.identifierKind(i.kind)} />
            <small className="muted nowrap">
              {t("people.timeline.count", { count: i.events, n: format.num(i.events) })}
            </small>
          </li>
        ))}
        {identifiers.length > 50 && (
          <li className="muted">{t("people.more", { n: format.num(identifiers.length - 50) })}</li>
        )}
      </ul>
    </section>
  );
}

/** After a split: where the new person is. */
export function SplitDone({ other, onClose }: { other: string; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Alert
      type="success"
      closable={{ onClose }}
      title={t("people.identity.split.done", { other })}
      action={
        <Link to="/people/$ref" params={{ ref: other }} className="text-link" data-other={other}>
          {t("people.identity.split.open")}
        </Link>
      }
    />
  );
}
