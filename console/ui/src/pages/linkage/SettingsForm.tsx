import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, Checkbox, InputNumber, Select, Switch } from "antd";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { catalogueTraitsQuery } from "@/api/queries";
import { ChoiceRow } from "@/components/Named";
import { ErrorState } from "@/components/states";
import { choicesOf, isFound, useNames } from "@/lib/displayNames";
import { stableJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useSources } from "@/lib/useSources";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { guessQuery, type LinkageColumn, type LinkageSettings } from "./queries";
import { useLinkageWords } from "./words";

/** What is compared, from when on a pair is looked at or linked, and whether anybody is asked. */
export function SettingsForm({ settings, onClose }: { settings: LinkageSettings; onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const guess = useQuery(guessQuery);
  const [own, setOwn] = useState(settings.columns.length > 0);
  const [columns, setColumns] = useState<LinkageColumn[]>(settings.columns);
  const [automatic, setAutomatic] = useState(settings.automatic);
  const [link, setLink] = useState(settings.link);
  const [review, setReview] = useState(settings.review);
  const [clean, setClean] = useState(settings.clean ?? []);
  const body: LinkageSettings = { columns: own ? columns : [], automatic, link, review, clean };
  const was: LinkageSettings = {
    columns: settings.columns,
    automatic: settings.automatic,
    link: settings.link,
    review: settings.review,
    clean: settings.clean ?? [],
  };
  const changed = stableJson(body) !== stableJson(was);
  useUnsaved(changed);
  const save = useWrite({
    mutationFn: () =>
      data(
        api.PUT("/api/v1/linkage/settings", {
          params: { header: { "If-Match": settings.version ?? "" } },
          body,
        }),
      ),
    onSuccess: () => {
      message.success(t("linkage.settings.saved"));
      void client.invalidateQueries({ queryKey: ["linkage"] });
      onClose();
    },
  });
  const chooseOwn = (yes: boolean) => {
    setOwn(yes);
    if (yes && columns.length === 0) setColumns(guess.data?.columns.map((c) => ({ ...c, reason: "" })) ?? []);
  };
  const percent = (
    value: number | null,
    set: (v: number | null) => void,
    placeholder: string,
    label: string,
  ) => (
    <InputNumber
      aria-label={label}
      min={1}
      max={99.99}
      step={1}
      value={value === null ? null : Math.round(value * 10000) / 100}
      onChange={(v) => set(v === null ? null : v / 100)}
      placeholder={placeholder}
      suffix="%"
      style={{ width: 140 }}
    />
  );
  return (
    <div className="stack">
      <section className="stack">
        <h3 className="drawer-title">{t("linkage.settings.columns")}</h3>
        <Checkbox checked={!own} onChange={(e) => chooseOwn(!e.target.checked)} disabled={guess.isPending}>
          {t("linkage.settings.guess")}
        </Checkbox>
        {guess.error ? (
          <ErrorState error={guess.error} onRetry={() => void guess.refetch()} />
        ) : own ? (
          <Columns columns={columns} kinds={guess.data?.kinds ?? []} onChange={setColumns} />
        ) : (
          <Guessed columns={guess.data?.columns} />
        )}
      </section>
      <section className="stack">
        <h3 className="drawer-title">{t("linkage.settings.clean")}</h3>
        <p className="muted">{t("linkage.settings.cleanHint")}</p>
        <CleanSources value={clean} onChange={setClean} />
      </section>
      <section className="stack">
        <h3 className="drawer-title">{t("linkage.settings.thresholds")}</h3>
        <div className="linkage-field">
          <span>
            {t("linkage.settings.review")}
            <small className="muted">{t("linkage.settings.reviewHint")}</small>
          </span>
          {percent(review, setReview, t("linkage.settings.byModel"), t("linkage.settings.review"))}
        </div>
        <div className="linkage-field">
          <span>
            {t("linkage.settings.automatic")}
            <small className="muted">{t("linkage.settings.automaticHint")}</small>
          </span>
          <Switch checked={automatic} onChange={setAutomatic} aria-label={t("linkage.settings.automatic")} />
        </div>
        {automatic && (
          <div className="linkage-field">
            <span>
              {t("linkage.settings.link")}
              <small className="muted">{t("linkage.settings.linkHint")}</small>
            </span>
            {percent(link, setLink, "99", t("linkage.settings.link"))}
          </div>
        )}
      </section>
      <div className="row">
        <Button type="primary" loading={save.isPending} disabled={!changed} onClick={() => save.mutate()}>
          {t("action.save")}
        </Button>
        <Button onClick={onClose}>{t("action.cancel")}</Button>
      </div>
    </div>
  );
}

const mostClean = 8;

/** Sources in which each person stands once. */
function CleanSources({ value, onChange }: { value: string[]; onChange: (ids: string[]) => void }) {
  const { t } = useTranslation();
  const { byId } = useSources();
  const options = [...byId.values()].map((s) => ({ value: s.id, label: s.name }));
  return (
    <Select
      mode="multiple"
      aria-label={t("linkage.settings.clean")}
      placeholder={t("linkage.settings.cleanNone")}
      value={value}
      maxCount={mostClean}
      options={options}
      optionFilterProp="label"
      onChange={onChange}
    />
  );
}

function Guessed({ columns }: { columns: LinkageColumn[] | undefined }) {
  const { t } = useTranslation();
  const words = useLinkageWords();
  if (columns?.length === 0) return <p className="muted">{t("linkage.settings.nothing")}</p>;
  return (
    <ul className="linkage-guessed" aria-busy={columns === undefined}>
      {columns?.map((c) => (
        <li key={c.name}>
          <span>{words.column(c.name)}</span>
          <span className="muted">
            {words.kind(c.kind)} · <code>{c.from.join(", ")}</code>
          </span>
        </li>
      ))}
    </ul>
  );
}

function Columns(props: {
  columns: LinkageColumn[];
  kinds: string[];
  onChange: (c: LinkageColumn[]) => void;
}) {
  const { t } = useTranslation();
  const words = useLinkageWords();
  const labels = useLabels();
  const traits = useQuery(catalogueTraitsQuery).data?.items ?? [];
  const names = useNames();
  const used = props.columns.flatMap((c) =>
    c.from.filter((f) => f.startsWith("trait.")).map((f) => f.slice("trait.".length)),
  );
  const sources = [
    ...["phone", "email", "plate"].map((k) => ({
      value: `id.${k}`,
      label: labels.identifierKind(k),
      words: k,
      raw: "",
    })),
    ...choicesOf(names, "trait", traits, (c) => c.trait, used, labels.trait).map(({ of: _, ...c }) => ({
      ...c,
      value: `trait.${c.value}`,
    })),
  ];
  const set = (i: number, change: Partial<LinkageColumn>) =>
    props.onChange(props.columns.map((c, at) => (at === i ? { ...c, ...change, reason: "" } : c)));
  const add = () => {
    const free = sources.find((s) => !props.columns.some((c) => c.from.includes(s.value)));
    if (free)
      props.onChange([...props.columns, { name: free.label, kind: "name", from: [free.value], reason: "" }]);
  };
  return (
    <div className="linkage-columns">
      {props.columns.map((c, i) => (
        <div key={c.name} className="linkage-column">
          <Select
            mode="multiple"
            aria-label={t("linkage.settings.from")}
            value={c.from}
            options={sources}
            optionRender={(o) => <ChoiceRow label={o.data.label} raw={o.data.raw} />}
            showSearch={{ filterOption: (text, option) => isFound(text, option) }}
            maxTagCount="responsive"
            onChange={(from: string[]) => set(i, { from })}
          />
          <Select
            aria-label={t("linkage.settings.kind")}
            value={c.kind}
            options={props.kinds
              .filter((k) => k !== "ignored")
              .map((k) => ({ value: k, label: words.kind(k) }))}
            onChange={(kind: string) => set(i, { kind })}
          />
          <Button
            type="text"
            icon={<X size={15} />}
            aria-label={t("linkage.settings.remove", { name: words.column(c.name) })}
            onClick={() => props.onChange(props.columns.filter((_, at) => at !== i))}
          />
        </div>
      ))}
      <Button type="dashed" icon={<Plus size={14} />} onClick={add}>
        {t("linkage.settings.add")}
      </Button>
    </div>
  );
}
