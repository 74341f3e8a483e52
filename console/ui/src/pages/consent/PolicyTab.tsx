import { useQueryClient } from "@tanstack/react-query";
import { App, Button, Input, Select } from "antd";
import { Handshake, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { consentPolicyQuery } from "@/api/queries";
import type { ConsentVersion } from "@/api/types";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { EmptyState } from "@/components/states";
import { stableJson } from "@/lib/json";
import { langOf, titleOf } from "@/lib/usePurposes";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { CollectedRules, RefusalSelect } from "./CollectedRules";
import {
  alone,
  bases,
  classes,
  type Draft,
  draftOf,
  emptyText,
  type Purpose,
  type Text,
  uses,
} from "./policy";

/** The policy as a form; whoever may not change it reads it. */
export function PolicyTab({ version }: { version: ConsentVersion }) {
  const { t, i18n } = useTranslation();
  const may = useMay("consent:write");
  const queries = useQueryClient();
  const { message } = App.useApp();
  const [draft, setDraft] = useState<Draft>(() => draftOf(version.policy));
  const [note, setNote] = useState("");
  const changed = stableJson(draft) !== stableJson(draftOf(version.policy));
  useUnsaved(changed);
  const save = useWrite({
    mutationFn: () =>
      data(
        api.PUT("/api/v1/consent/policy", {
          body: { policy: draft, note },
        }),
      ),
    onSuccess: (saved) => {
      queries.setQueryData(consentPolicyQuery.queryKey, saved);
      void queries.invalidateQueries({ queryKey: ["consent"] });
      message.success(t("consent.saved"));
    },
  });
  const start = useWrite({
    mutationFn: () => data(api.GET("/api/v1/consent/template")),
    onSuccess: (usual) => setDraft(draftOf(usual)),
  });
  if (version.policy === null && draft.purposes.length === 0)
    return (
      <section className="card">
        <EmptyState
          icon={<Handshake />}
          title={t("consent.empty")}
          hint={t("consent.emptyHint")}
          action={
            may && (
              <Button type="primary" loading={start.isPending} onClick={() => start.mutate()}>
                {t("consent.start")}
              </Button>
            )
          }
        />
      </section>
    );
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  const setPurpose = (i: number, change: Partial<Purpose>) =>
    set({ purposes: draft.purposes.map((u, n) => (n === i ? { ...u, ...change } : u)) });
  const purposeOptions = draft.purposes.map((u) => ({
    value: u.key,
    label: u.title.zh ? titleOf(u.title, langOf(i18n.language)) : u.key,
  }));
  return (
    <div className="stack">
      {draft.purposes.map((u, i) => (
        <PurposeCard
          // biome-ignore lint/suspicious/noArrayIndexKey: a key that is being typed must not lose the focus
          key={i}
          purpose={u}
          channels={draft.channels}
          may={may}
          onChange={(c) => setPurpose(i, c)}
          onRemove={() => set({ purposes: draft.purposes.filter((_, n) => n !== i) })}
        />
      ))}
      {may && (
        <div>
          <Button
            icon={<Plus size={14} />}
            onClick={() =>
              set({
                purposes: [
                  ...draft.purposes,
                  {
                    key: `purpose_${draft.purposes.length + 1}`,
                    basis: "opt_in",
                    class: "",
                    channels: [],
                    title: emptyText(),
                    text: emptyText(),
                    wording: 0,
                  },
                ],
              })
            }
          >
            {t("consent.addPurpose")}
          </Button>
        </div>
      )}
      <section className="card card-pad stack">
        <h2>{t("consent.uses")}</h2>
        <p className="muted">{t("consent.usesHelp")}</p>
        {uses.map((use) => (
          <div key={use} className="consent-line">
            <span>
              <b>{t(`consent.use.${use}`)}</b>
              <small className="muted">{t(`consent.useHelp.${use}`)}</small>
            </span>
            <Select
              aria-label={t(`consent.use.${use}`)}
              value={draft.uses[use]}
              disabled={!may}
              allowClear
              placeholder={t(use === "collect" ? "consent.everybody" : "consent.nobody")}
              options={purposeOptions}
              onChange={(v?: string) => {
                const next = { ...draft.uses };
                if (v) next[use] = v;
                else delete next[use];
                set({ uses: next });
              }}
            />
          </div>
        ))}
        <div className="consent-line">
          <span>
            <b>{t("consent.refusedTitle")}</b>
            <small className="muted">{t("consent.refusedHelp")}</small>
          </span>
          <RefusalSelect
            label={t("consent.refusedTitle")}
            value={draft.refused}
            purpose={draft.purposes.find((u) => u.key === draft.uses.collect)}
            may={may}
            onChange={(refused) => set({ refused })}
          />
        </div>
        <CollectedRules
          rules={draft.collected}
          purposes={draft.purposes}
          may={may}
          onChange={(collected) => set({ collected })}
        />
      </section>
      <section className="card card-pad stack">
        <h2>{t("consent.pageOf")}</h2>
        <TextFields
          label={t("consent.name")}
          text={draft.name}
          may={may}
          onChange={(name) => set({ name })}
        />
        <div className="consent-line">
          <b>{t("consent.privacyURL")}</b>
          <Input
            value={draft.privacy_url}
            disabled={!may}
            placeholder="https://"
            onChange={(e) => set({ privacy_url: e.target.value })}
          />
        </div>
        <div className="consent-line">
          <span>
            <b>{t("consent.categories")}</b>
            <small className="muted">{t("consent.categoriesHelp")}</small>
          </span>
          <span className="row">
            {Object.entries(draft.categories).map(([name, keys]) => (
              <Pill key={name}>
                {name} → {keys.join(", ")}
              </Pill>
            ))}
          </span>
        </div>
      </section>
      {may && (
        <div className="row consent-save">
          <Input
            aria-label={t("consent.note")}
            placeholder={t("consent.note")}
            value={note}
            maxLength={300}
            onChange={(e) => setNote(e.target.value)}
          />
          <Button type="primary" disabled={!changed} loading={save.isPending} onClick={() => save.mutate()}>
            {t("consent.save")}
          </Button>
          {changed && (
            <Button onClick={() => setDraft(draftOf(version.policy))}>{t("consent.discard")}</Button>
          )}
        </div>
      )}
    </div>
  );
}

function PurposeCard(props: {
  purpose: Purpose;
  channels: Draft["channels"];
  may: boolean;
  onChange: (change: Partial<Purpose>) => void;
  onRemove: () => void;
}) {
  const { t, i18n } = useTranslation();
  const { purpose: u, may, onChange } = props;
  return (
    <section className="card card-pad stack" aria-label={u.key}>
      <div className="row">
        <h2>{titleOf(u.title, langOf(i18n.language)) || u.key}</h2>
        {u.wording > 0 && <Pill>{t("consent.wordingN", { n: u.wording })}</Pill>}
        {u.class !== "" && <Pill tone="gold">{t(`consent.class.${u.class}`)}</Pill>}
        {may && (
          <Button
            className="consent-remove"
            type="text"
            icon={<Trash2 size={14} />}
            aria-label={t("consent.remove", { what: u.key })}
            onClick={props.onRemove}
          />
        )}
      </div>
      <div className="consent-fields">
        <div>
          <small className="muted">{t("consent.key")}</small>
          <Input
            value={u.key}
            disabled={!may || u.wording > 0}
            onChange={(e) => onChange({ key: e.target.value })}
          />
        </div>
        <div>
          <small className="muted">{t("consent.basisTitle")}</small>
          <Select
            aria-label={t("consent.basisTitle")}
            value={u.basis}
            disabled={!may || alone.includes(u.class)}
            options={bases.map((b) => ({ value: b, label: t(`consent.basis.${b}`) }))}
            onChange={(basis) => onChange({ basis })}
          />
        </div>
        <div>
          <small className="muted">{t("consent.classTitle")}</small>
          <Select
            aria-label={t("consent.classTitle")}
            value={u.class}
            disabled={!may}
            options={classes.map((c) => ({ value: c, label: t(`consent.class.${c || "plain"}`) }))}
            onChange={(c) =>
              onChange({ class: c, ...(alone.includes(c) ? { basis: "opt_in" as const } : {}) })
            }
          />
        </div>
        <div>
          <small className="muted">{t("consent.channels")}</small>
          <Select
            aria-label={t("consent.channels")}
            mode="multiple"
            placeholder={u.basis === "necessary" ? "" : t("consent.asWhole")}
            value={u.channels}
            disabled={!may || u.basis === "necessary"}
            options={props.channels.map((c) => ({
              value: c.key,
              label: titleOf(c.title, langOf(i18n.language)),
            }))}
            onChange={(channels) => onChange({ channels })}
          />
        </div>
      </div>
      <TextFields
        label={t("consent.purposeTitle")}
        text={u.title}
        may={may}
        onChange={(title) => onChange({ title })}
      />
      <TextFields
        label={t("consent.purposeText")}
        text={u.text}
        may={may}
        long
        onChange={(text) => onChange({ text })}
      />
    </section>
  );
}

function TextFields(props: {
  label: string;
  text: Text;
  may: boolean;
  long?: boolean;
  onChange: (text: Text) => void;
}) {
  const { t } = useTranslation();
  const field = (lang: "zh" | "en", name: string) => {
    const common = {
      "aria-label": `${props.label} (${name})`,
      value: props.text[lang],
      disabled: !props.may,
      onChange: (e: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
        props.onChange({ ...props.text, [lang]: e.target.value }),
    };
    return (
      <div>
        <small className="muted">
          {props.label} · {name}
        </small>
        {props.long ? <Input.TextArea autoSize={{ minRows: 2 }} {...common} /> : <Input {...common} />}
      </div>
    );
  };
  return (
    <div className="consent-texts">
      {field("zh", t("consent.zh"))}
      {field("en", t("consent.en"))}
    </div>
  );
}
