import { Link } from "@tanstack/react-router";
import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { DetailDrawer } from "@/components/DetailDrawer";
import { CommandPreview, useSplitPreview } from "./CommandPreview";
import { InterventionState, useIntervention } from "./useIntervention";
import { useDone } from "./useUndo";

/** Who would be who, with events, traits and segments, before it is done; afterwards the way to both, and back. */
export function SplitDrawer(props: {
  person: Person;
  chosen: string[];
  onDone: (other: string) => void;
  onUndone: () => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const done = useDone();
  const preview = useSplitPreview(props.person.id, props.chosen);
  const split = useIntervention(
    () =>
      data(
        api.POST("/api/v1/persons/{ref}/split", {
          params: { path: { ref: props.person.id } },
          body: { identifiers: props.chosen },
        }),
      ),
    ({ id, other, command }) => {
      const gone = other === props.person.id ? id : other;
      props.onDone(gone);
      done(t("people.identity.split.done", { other: gone }), command, props.onUndone);
    },
  );
  const n = props.chosen.length;
  return (
    <DetailDrawer
      open
      width={760}
      onClose={props.onClose}
      title={t("people.identity.split.title", { count: n, n: format.num(n) })}
      footer={
        <div className="row">
          <Button
            type="primary"
            loading={split.isPending}
            disabled={Boolean(preview.data?.refused)}
            onClick={() => split.mutate()}
          >
            {t("people.identity.split.ok")}
          </Button>
          <Button onClick={props.onClose}>{t("action.cancel")}</Button>
        </div>
      }
    >
      <div className="stack">
        <InterventionState write={split} />
        <CommandPreview preview={preview} />
        <p>{t("people.identity.split.text")}</p>
        <p className="muted">{t("people.identity.split.profile")}</p>
      </div>
    </DetailDrawer>
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
