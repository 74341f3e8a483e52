import { useNavigate } from "@tanstack/react-router";
import { App, Button, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Person } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { DetailDrawer } from "@/components/DetailDrawer";
import { InterventionState, useIntervention } from "./useIntervention";

/** Says what an erasure deletes and what stays, and wants the person's id typed. */
export function EraseDrawer({ person, onClose }: { person: Person; onClose: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [typed, setTyped] = useState("");
  const navigate = useNavigate();
  const { message } = App.useApp();
  const erase = useIntervention(
    () =>
      data(
        api.POST("/api/v1/persons/{ref}/erase", {
          params: { path: { ref: person.id } },
          body: { confirm: typed.trim() },
        }),
      ),
    ({ identifiers }) => {
      message.success(
        t("people.erase.done", { id: person.id, count: identifiers, n: format.num(identifiers) }),
      );
      void navigate({ to: "/people" });
    },
  );
  const n = person.identifiers.length;
  const traits = Object.keys(person.traits);
  return (
    <DetailDrawer
      open
      width={480}
      onClose={onClose}
      title={t("people.erase.title")}
      footer={
        <div className="row">
          <Button
            danger
            type="primary"
            disabled={typed.trim() !== person.id}
            loading={erase.isPending}
            onClick={() => erase.mutate()}
          >
            {t("people.erase.ok")}
          </Button>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
        </div>
      }
    >
      <div className="stack erase">
        <InterventionState write={erase} />
        <div>
          <h3>{t("people.erase.goes")}</h3>
          <ul>
            <li>{t("people.erase.identifiers", { count: n, n: format.num(n) })}</li>
            <li>
              {t("people.erase.profile", {
                traits: format.num(traits.filter((name) => !name.startsWith("tag.")).length),
                tags: format.num(traits.filter((name) => name.startsWith("tag.")).length),
                segments: format.num(person.segments.length),
              })}
            </li>
            <li>
              {t("people.erase.events", {
                count: person.counters.events,
                n: format.num(person.counters.events),
              })}
            </li>
            <li>{t("people.erase.files")}</li>
            <li>{t("people.erase.rest")}</li>
          </ul>
        </div>
        <div>
          <h3>{t("people.erase.stays")}</h3>
          <ul>
            <li>{t("people.erase.log")}</li>
            <li>{t("people.erase.audit")}</li>
          </ul>
        </div>
        <p>{t("people.erase.later")}</p>
        <div>
          <label htmlFor="erase-confirm">{t("people.erase.confirm", { id: person.id })}</label>
          <Input
            id="erase-confirm"
            autoComplete="off"
            value={typed}
            onChange={(e) => setTyped(e.target.value)}
            placeholder={person.id}
          />
        </div>
      </div>
    </DetailDrawer>
  );
}
