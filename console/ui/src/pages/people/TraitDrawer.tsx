import { App, Button, Input, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Person } from "@/api/types";
import { DetailDrawer } from "@/components/DetailDrawer";
import { formatJson } from "@/lib/json";
import { useUnsaved } from "@/lib/useUnsaved";
import { readTrait, type TraitType, typeOfTrait } from "./interventions";
import { InterventionState, useIntervention } from "./useIntervention";

const types: TraitType[] = ["text", "number", "boolean", "json"];
const textOf = (value: unknown) =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : formatJson(value);

/** Sets a trait by hand, or takes it away. Without a name it is a new one. */
export function TraitDrawer({
  person,
  trait,
  onClose,
}: {
  person: Person;
  trait: string;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const was = person.traits[trait];
  const [name, setName] = useState(trait);
  const [type, setType] = useState<TraitType>(typeOfTrait(was));
  const [text, setText] = useState(textOf(was));
  const value = readTrait(type, text);
  const leave = useUnsaved(name !== trait || text !== textOf(was));
  const correct = useIntervention(
    (to: unknown) =>
      data(
        api.PATCH("/api/v1/persons/{ref}/traits", {
          params: { path: { ref: person.id } },
          body: { traits: { [name.trim()]: to } },
        }),
      ),
    () => {
      leave();
      message.success(t("people.correct.done"));
      onClose();
    },
  );
  return (
    <DetailDrawer
      open
      width={480}
      onClose={onClose}
      title={trait ? t("people.correct.title", { trait }) : t("people.correct.new")}
      footer={
        <div className="row">
          <Button
            type="primary"
            disabled={!name.trim() || value === undefined}
            loading={correct.isPending}
            onClick={() => correct.mutate(value)}
          >
            {t("action.save")}
          </Button>
          {trait && (
            <Button danger disabled={correct.isPending} onClick={() => correct.mutate(null)}>
              {t("people.correct.unset")}
            </Button>
          )}
        </div>
      }
    >
      <div className="stack">
        <InterventionState write={correct} />
        <p className="muted">{t("people.correct.note")}</p>
        {!trait && (
          <div>
            <label htmlFor="trait-name">{t("people.traits.trait")}</label>
            <Input id="trait-name" autoFocus value={name} onChange={(e) => setName(e.target.value)} />
          </div>
        )}
        <div>
          <label htmlFor="trait-value">{t("people.traits.value")}</label>
          <div className="row nowrap">
            <Select
              aria-label={t("people.correct.type")}
              value={type}
              onChange={setType}
              style={{ width: 112 }}
              options={types.map((v) => ({ value: v, label: t(`people.correct.types.${v}`) }))}
            />
            <Input
              id="trait-value"
              value={text}
              status={text && value === undefined ? "error" : ""}
              onChange={(e) => setText(e.target.value)}
            />
          </div>
          {text !== "" && value === undefined && <small role="alert">{t("people.correct.wrong")}</small>}
        </div>
      </div>
    </DetailDrawer>
  );
}
