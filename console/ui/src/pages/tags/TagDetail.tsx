import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button } from "antd";
import { Pencil, RefreshCw } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { ConfirmButton } from "@/components/ConfirmButton";
import { Num } from "@/components/Num";
import { ErrorState } from "@/components/states";
import { Value } from "@/components/Value";
import { formatJson } from "@/lib/json";
import { useWrite } from "@/lib/useWrite";
import { FileMatch } from "./FileMatch";
import { Contract, State } from "./Fresh";
import { GiveTagButton } from "./GiveTag";
import { type TagDefinition, type TagKind, tagQuery, taxonomiesQuery } from "./queries";
import { RuleWords } from "./RuleWords";
import { Values } from "./Values";
import { Versions } from "./Versions";

/** Kinds whose values can be computed anew; the others are written. */
const computed = new Set<TagKind>(["rule", "sql", "interest"]);

/** A tag: what it says, by what, how fresh, and who has had a hand in it. */
export function TagDetail({ id, onEdit }: { id: string; onEdit: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const [mayWrite, mayApprove, mayGive] = [useMay("tags:write"), useMay("tags:approve"), useMay("tags:give")];
  const query = useQuery(tagQuery(id));
  const compute = useWrite({
    mutationFn: () =>
      data(api.POST("/api/v1/tags/{id}/compute", { params: { path: { id }, header: idempotencyKey() } })),
    onSuccess: () => {
      message.success(t("tags.computing"));
    },
  });
  const remove = useWrite({
    mutationFn: () =>
      data(api.DELETE("/api/v1/tags/{id}", { params: { path: { id }, header: idempotencyKey() } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["tags"] }),
  });
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const tag = query.data;
  if (!tag) return <span className="bone" style={{ width: "60%" }} />;
  return (
    <div className="stack">
      {tag.description && <p>{tag.description}</p>}
      <dl className="pairs">
        <dt>{t("tags.trait")}</dt>
        <dd>
          <code>tag.{tag.key}</code>
        </dd>
        <dt>{t("tags.kind")}</dt>
        <dd>{t(`tags.kinds.${tag.kind}`)}</dd>
        <dt>{t("tags.owner")}</dt>
        <dd>{tag.owner || <span className="muted">–</span>}</dd>
        <dt>{t("tags.folder")}</dt>
        <dd>{tag.folder || <span className="muted">–</span>}</dd>
        <dt>{t("tags.state")}</dt>
        <dd>
          <State tag={tag} />
        </dd>
      </dl>
      <h3>{t("tags.fresh")}</h3>
      <Contract tag={tag} />
      {tag.serving > 0 && (
        <>
          <h3>{t("tags.values")}</h3>
          <Values id={id} />
        </>
      )}
      <h3>{t("tags.by")}</h3>
      <By definition={tag.definition} />
      {tag.kind === "import" && tag.serving > 0 && mayGive && <FileMatch id={id} />}
      <h3>{t("tags.versions")}</h3>
      <Versions tag={tag} />
      <div className="row">
        {mayWrite && (
          <Button icon={<Pencil size={14} />} onClick={onEdit}>
            {t("tags.edit")}
          </Button>
        )}
        {tag.serving > 0 && (tag.kind === "manual" || tag.kind === "import") && <GiveTagButton tag={id} />}
        {mayWrite && tag.serving > 0 && computed.has(tag.kind) && (
          <Button icon={<RefreshCw size={14} />} loading={compute.isPending} onClick={() => compute.mutate()}>
            {t("tags.compute")}
          </Button>
        )}
        {mayApprove && (
          <ConfirmButton
            does="delete"
            title={t("tags.deleteTitle", { name: tag.name })}
            text={t("tags.deleteText")}
            ok={t("tags.delete")}
            run={() => remove.mutateAsync()}
            pending={remove.isPending}
          >
            {t("tags.delete")}
          </ConfirmButton>
        )}
      </div>
    </div>
  );
}

/** What the values come from. */
function By({ definition: d }: { definition: TagDefinition }) {
  const { t } = useTranslation();
  const format = useFormat();
  const taxonomies = useQuery(taxonomiesQuery);
  if (d.rules)
    return (
      <ol>
        {d.rules.map((r) => (
          <li key={formatJson(r)}>
            <Value value={r.value} /> ← <RuleWords rule={r.rule} />
          </li>
        ))}
      </ol>
    );
  if (d.sql)
    return (
      <>
        <pre className="code">{d.sql}</pre>
        <p className="muted">
          {d.every_minutes ? t("tags.every", { count: d.every_minutes }) : t("tags.whenAsked")}{" "}
          {d.events && t("tags.goesByEvents", { events: format.list(d.events) })}
        </p>
      </>
    );
  const i = d.interest;
  if (i)
    return (
      <>
        <p>
          {t("tags.interest", {
            taxonomy: taxonomies.data?.items.find((x) => x.id === i.taxonomy)?.name ?? i.taxonomy,
            hours: i.half_life_hours,
            least: i.least,
          })}
        </p>
        <ul>
          {i.events.map((e) => (
            <li key={`${e.event} ${e.property}`}>
              {e.event} · <code>{e.property}</code> × <Num value={e.weight} />
            </li>
          ))}
        </ul>
      </>
    );
  return (
    <p className="muted">
      {d.expires_hours ? t("tags.expires", { count: d.expires_hours }) : t("tags.holds")}
    </p>
  );
}
