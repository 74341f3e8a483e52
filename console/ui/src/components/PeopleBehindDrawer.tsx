import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { App, Button, Form, Input, Segmented } from "antd";
import { Shapes } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { householdsBehindQuery, peopleBehindQuery } from "@/api/queries";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { type Behind, usePeopleBehind, useSharedSearch } from "@/lib/behind";
import { formatJson } from "@/lib/json";
import { usePages } from "@/lib/usePages";
import { usePurposes } from "@/lib/usePurposes";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { DetailDrawer } from "./DetailDrawer";
import { ExportPeople } from "./ExportPeople";
import { PersonList } from "./PersonList";
import { PurposeSelect } from "./PurposeSelect";
import { EmptyState, ErrorState } from "./states";

/** The people behind a number: look, save as a segment, export. Opened by usePeopleBehind(), from any page. */
export function PeopleBehindDrawer() {
  const { behind } = useSharedSearch();
  const [last, setLast] = useState(behind);
  if (behind && behind !== last) setLast(behind);
  // The drawer keeps its content while it closes.
  return last ? <Body key={formatJson(last)} behind={last} open={behind !== undefined} /> : null;
}

const exportLimit = 10_000;

/** A number of a question about households leads to households; its people are a click away. */
const ofHouseholds = (b: Behind) => "subject" in b.query && b.query.subject === "household";

function Body({ behind, open }: { behind: Behind; open: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const show = usePeopleBehind();
  const maySave = useMay("segments:write");
  const query = useInfiniteQuery(peopleBehindQuery(behind.query, behind.select));
  const pages = usePages(query);
  const total = query.data?.pages[0]?.total;
  const [saving, setSaving] = useState(false);
  const [people, setPeople] = useState(!ofHouseholds(behind));

  return (
    <DetailDrawer
      open={open}
      onClose={() => show()}
      title={
        <div>
          <div className="ellipsis">{behind.title || t("behind.title")}</div>
          <small className="muted drawer-sub">
            {total === undefined ? "…" : t("behind.total", { count: total, n: format.num(total) })}
          </small>
        </div>
      }
      actions={
        <div className="row">
          <ExportPeople
            name={behind.title}
            label={t("behind.export")}
            limit={exportLimit}
            disabled={!total}
            load={(cursor) =>
              data(
                api.POST("/api/v1/query/people", {
                  body: {
                    query: behind.query,
                    select: behind.select,
                    limit: 500,
                    ...(cursor ? { cursor } : {}),
                  },
                }),
              )
            }
          />
          {maySave && !saving && (
            <Button
              type="primary"
              icon={<Shapes size={14} />}
              onClick={() => setSaving(true)}
              disabled={!total}
            >
              {t("behind.save")}
            </Button>
          )}
        </div>
      }
    >
      {ofHouseholds(behind) && (
        <Segmented
          aria-label={t("behind.show")}
          value={people ? "people" : "households"}
          options={(["households", "people"] as const).map((v) => ({ value: v, label: t(`behind.${v}`) }))}
          onChange={(v) => setPeople(v === "people")}
        />
      )}
      {saving && <SaveForm behind={behind} onDone={() => setSaving(false)} />}
      {!people ? (
        <HouseholdsBehind behind={behind} />
      ) : pages.error && !pages.rows ? (
        <ErrorState error={pages.error} onRetry={pages.onRetry} />
      ) : pages.rows?.length === 0 ? (
        <EmptyState title={t("behind.none")} hint={t("behind.noneHint")} />
      ) : (
        <PersonList rows={pages.rows} more={pages.more} />
      )}
    </DetailDrawer>
  );
}

/** The households behind a number, each with its members. */
function HouseholdsBehind({ behind }: { behind: Behind }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useInfiniteQuery(householdsBehindQuery(behind.query, behind.select));
  const pages = usePages(query);
  const total = query.data?.pages[0]?.total;
  if (pages.error && !pages.rows) return <ErrorState error={pages.error} onRetry={pages.onRetry} />;
  if (pages.rows?.length === 0)
    return <EmptyState title={t("behind.noHouseholds")} hint={t("behind.noHouseholdsHint")} />;
  return (
    <>
      {total !== undefined && (
        <p className="muted">{t("behind.householdTotal", { count: total, n: format.num(total) })}</p>
      )}
      <ul className="person-list" aria-busy={!pages.rows}>
        {pages.rows?.map((h) => (
          <li key={h.id}>
            <Link to="/households/$id" params={{ id: h.id }} className="text-link ellipsis">
              {h.members
                .map((m) => m.name)
                .filter((name) => name !== null)
                .join(" · ") || h.id}
            </Link>
            <span className="person-list-id muted">{h.tags.join(" · ")}</span>
            <span className="muted num">{t("behind.members", { count: h.size, n: format.num(h.size) })}</span>
          </li>
        ))}
      </ul>
      {pages.more?.has && (
        <Button loading={pages.more.loading} onClick={pages.more.load}>
          {t("behind.more")}
        </Button>
      )}
    </>
  );
}

function SaveForm({ behind, onDone }: { behind: Behind; onDone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [key] = useState(idempotencyKey);
  const { policy } = usePurposes();
  const { touched, touch } = useTouched();
  useUnsaved(touched);
  const save = useWrite({
    mutationFn: ({ name, purpose = "" }: { name: string; purpose?: string }) =>
      data(
        api.POST("/api/v1/query/segment", {
          params: { header: key },
          body: { query: behind.query, select: behind.select, name: name.trim(), purpose },
        }),
      ),
    onSuccess: (segment) => {
      void client.invalidateQueries({ queryKey: ["segments"] });
      onDone();
      message.success({
        duration: 6,
        content: (
          <span>
            {t("behind.saved", { name: segment.name })}{" "}
            {/* Messages are drawn outside of the router: a link of its own would find none there. */}
            <a
              href={`/segments/${segment.id}`}
              className="text-link"
              onClick={(e) => {
                e.preventDefault();
                void navigate({ to: "/segments/$id", params: { id: segment.id } });
              }}
            >
              {t("behind.open")}
            </a>
          </span>
        ),
      });
    },
  });
  return (
    <Form
      layout="vertical"
      className="card card-pad behind-save"
      onFinish={save.mutate}
      onValuesChange={touch}
      requiredMark={false}
    >
      <Form.Item
        name="name"
        label={t("behind.name")}
        extra={t("behind.hint")}
        rules={[{ required: true, whitespace: true, message: "" }]}
      >
        <Input autoFocus maxLength={200} placeholder={t("behind.namePlaceholder")} />
      </Form.Item>
      {policy && (
        <Form.Item name="purpose" label={t("segments.purpose")}>
          <PurposeSelect use="act" />
        </Form.Item>
      )}
      <div className="row">
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t("action.save")}
        </Button>
        <Button onClick={onDone}>{t("action.cancel")}</Button>
      </div>
    </Form>
  );
}
