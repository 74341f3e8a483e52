import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button } from "antd";
import { Play, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useMay } from "@/app/session";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState, ErrorState } from "@/components/states";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { Counts } from "./Counts";
import { type RetentionCount, type RetentionRule, retentionQuery } from "./queries";
import { Receipts } from "./Receipts";
import { RuleRow } from "./RuleRow";
import "./retention.css";

/** How long what is kept: rules, what they would remove now, and what they have removed. */
export function RetentionPage() {
  const { t } = useTranslation();
  const query = useQuery(retentionQuery);
  return (
    <div className="page">
      <PageHeader title={t("retention.title")} about={t("retention.about")} />
      {query.error && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <span className="bone" style={{ width: "60%" }} />}
      {query.data && <Rules key={query.data.version} rules={query.data.rules} />}
      <Receipts />
    </div>
  );
}

function Rules({ rules }: { rules: readonly RetentionRule[] }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const may = useMay("retention:write");
  const [list, setList] = useState<RetentionRule[]>([...rules]);
  const [touched, setTouched] = useState(false);
  const [counts, setCounts] = useState<readonly RetentionCount[]>();
  const saved = useUnsaved(touched);
  const change = (next: RetentionRule[]) => {
    setList(next);
    setTouched(true);
    setCounts(undefined);
  };
  const body = { rules: list };
  const whole = list.every(
    (r) => r.name.trim() !== "" && (r.kind === "events" || (r.traits?.length ?? 0) > 0),
  );
  const preview = useWrite({
    mutationFn: () => data(api.POST("/api/v1/retention/preview", { body })),
    onSuccess: (out) => setCounts(out.items),
  });
  const save = useWrite({
    mutationFn: () => data(api.PUT("/api/v1/retention", { body })),
    onSuccess: async (out) => {
      saved();
      setTouched(false);
      message.success(t("retention.saved"));
      client.setQueryData(retentionQuery.queryKey, out);
    },
  });
  const run = useWrite({
    mutationFn: () => data(api.POST("/api/v1/jobs", { body: { kind: "retention.run" } })),
    onSuccess: async () => {
      message.success(t("retention.started"));
      await client.invalidateQueries({ queryKey: ["retention", "runs"] });
    },
  });
  return (
    <section className="card stack" style={{ padding: 20 }}>
      {list.length === 0 && <EmptyState title={t("retention.empty")} hint={t("retention.emptyHint")} />}
      {list.map((rule, i) => (
        <RuleRow
          // biome-ignore lint/suspicious/noArrayIndexKey: rules have no id, and their place is what they are known by
          key={i}
          rule={rule}
          disabled={!may}
          onChange={(next) => change(list.map((r, at) => (at === i ? next : r)))}
          onRemove={() => change(list.filter((_, at) => at !== i))}
        />
      ))}
      {list.some((r) => r.kind === "events" && r.action === "anonymise") && (
        <p className="muted">{t("retention.actionHelp")}</p>
      )}
      {counts && <Counts counts={counts} />}
      <div className="row" style={{ flexWrap: "wrap" }}>
        {may && (
          <Button
            icon={<Plus size={16} />}
            disabled={list.length >= 50}
            onClick={() => change([...list, { name: "", kind: "events", keep_days: 400 }])}
          >
            {t("retention.add")}
          </Button>
        )}
        <Button
          disabled={list.length === 0 || !whole}
          loading={preview.isPending}
          onClick={() => preview.mutate()}
        >
          {t("retention.preview")}
        </Button>
        {may && (
          <Button
            type="primary"
            disabled={!touched || !whole}
            loading={save.isPending}
            onClick={() => save.mutate()}
          >
            {t("action.save")}
          </Button>
        )}
        {may && !touched && list.length > 0 && (
          <Button icon={<Play size={14} />} loading={run.isPending} onClick={() => run.mutate()}>
            {t("retention.run")}
          </Button>
        )}
      </div>
      <p className="muted">{t("retention.daily")}</p>
    </section>
  );
}
