import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Button } from "antd";
import { CircleHelp, FileUp } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { importsQuery } from "@/api/queries";
import type { Import } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { CodeSnippet, Json } from "@/components/CodeSnippet";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { LinkButton } from "@/components/LinkButton";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { Pill } from "@/components/Pill";
import { ExactTime, RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { usePages } from "@/lib/usePages";
import { useSetSearch } from "@/lib/useSetSearch";
import { importCommand, mappingExample } from "./snippets";
import "./collect.css";

const route = getRouteApi("/shell/collect/imports");

const tones = { running: "gold", finished: "good", cancelled: "plain", failed: "bad" } as const;

/** An import that this server runs may end early; one that is sent in goes on when it is sent again. */
function stateOf(i: Import): keyof typeof tones {
  const ended = i.status === "running" && (i.run?.state === "cancelled" || i.run?.state === "failed");
  return ended ? (i.run?.state as "cancelled" | "failed") : i.status;
}

export function ImportsPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { open } = route.useSearch();
  const setSearch = useSetSearch();
  const query = useInfiniteQuery({
    ...importsQuery,
    refetchInterval: (q) =>
      q.state.data?.pages.some((p) => p.items.some((i) => i.status === "running")) ? 2000 : 30_000,
  });
  const pages = usePages(query);

  const columns: Column<Import>[] = [
    {
      key: "file",
      title: t("collect.imports.file"),
      width: 260,
      value: (i) => i.file,
      render: (i) => (
        <b className="trait ellipsis import-file" title={i.file}>
          {i.file}
        </b>
      ),
    },
    { key: "source", title: t("collect.imports.source"), width: 150, value: (i) => i.source.name },
    {
      key: "status",
      title: t("collect.imports.status"),
      width: 110,
      value: (i) => i.status,
      render: (i) => (
        <Pill dot tone={tones[stateOf(i)]}>
          {t(`collect.imports.${stateOf(i)}`)}
        </Pill>
      ),
    },
    {
      key: "rows",
      title: t("collect.imports.rows"),
      width: 110,
      align: "right",
      value: (i) => i.next_row,
      render: (i) => <Num value={i.next_row} />,
    },
    {
      key: "accepted",
      title: t("collect.imports.accepted"),
      width: 110,
      align: "right",
      value: (i) => i.accepted,
      render: (i) => <Num value={i.accepted} />,
    },
    {
      key: "rejected",
      title: t("collect.imports.rejected"),
      width: 100,
      align: "right",
      value: (i) => i.rejected,
      render: (i) =>
        i.rejected > 0 ? (
          <Link to="/collect/quarantine" search={{ source: i.source.id }} className="door">
            <Num value={i.rejected} />
          </Link>
        ) : (
          <span className="muted">0</span>
        ),
    },
    {
      key: "duplicates",
      title: t("collect.imports.duplicates"),
      width: 100,
      align: "right",
      value: (i) => i.duplicates,
      render: (i) => <Num value={i.duplicates} />,
    },
    {
      key: "size",
      title: t("collect.imports.size"),
      width: 100,
      align: "right",
      optional: true,
      value: (i) => i.size,
      render: (i) => format.bytes(i.size),
    },
    {
      key: "started",
      title: t("collect.imports.started"),
      width: 120,
      align: "right",
      value: (i) => i.created_at,
      render: (i) => <RelativeTime at={i.created_at} />,
    },
  ];

  const mayImport = useMay("imports:write");
  const importFile = mayImport && (
    <LinkButton primary to="/collect/imports/new" icon={<FileUp size={14} />}>
      {t("importFile.title")}
    </LinkButton>
  );
  const how = (
    <Button icon={<CircleHelp size={14} />} onClick={() => setSearch({ open: "how" }, "push")}>
      {t("collect.imports.how")}
    </Button>
  );
  return (
    <div className="page">
      <PageHeader
        title={t("collect.imports.title")}
        about={t("collect.imports.about")}
        actions={
          <>
            {how}
            {pages.rows?.length !== 0 && importFile}
          </>
        }
      />
      <DataTable
        id="imports"
        label={t("collect.imports.title")}
        columns={columns}
        {...pages}
        rowKey={(i) => i.id}
        onOpen={(i) => setSearch({ open: i.id }, "push")}
        openKey={open}
        empty={
          <EmptyState
            icon={<FileUp />}
            title={t("collect.imports.empty")}
            hint={
              <>
                {t("collect.imports.emptyHint")}
                <CodeSnippet code={importCommand(window.location.origin, false)} />
              </>
            }
            action={importFile || how}
          />
        }
      />
      <ImportDrawer id={open} imports={pages.rows} onClose={() => setSearch({ open: undefined })} />
    </div>
  );
}

function ImportDrawer(props: { id: string | undefined; imports: Import[] | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const [last, setLast] = useState(props.id);
  if (props.id && props.id !== last) setLast(props.id);
  const found = props.imports?.find((i) => i.id === last);
  return (
    <DetailDrawer
      open={props.id !== undefined}
      onClose={props.onClose}
      title={found?.file ?? t("collect.imports.how")}
      width={680}
    >
      {found ? <ImportDetails item={found} /> : last === "how" && <HowTo />}
    </DetailDrawer>
  );
}

function ImportDetails({ item }: { item: Import }) {
  const { t } = useTranslation();
  const format = useFormat();
  const took = item.finished_at ? (Date.parse(item.finished_at) - Date.parse(item.created_at)) / 1000 : null;
  return (
    <div className="stack drawer-stack">
      <dl className="facts">
        {(
          [
            ["rows", item.next_row],
            ["accepted", item.accepted],
            ["rejected", item.rejected],
            ["duplicates", item.duplicates],
          ] as const
        ).map(([key, n]) => (
          <div key={key}>
            <dt>{t(`collect.imports.${key}`)}</dt>
            <dd>{format.num(n)}</dd>
          </div>
        ))}
      </dl>
      {item.run && (
        <Link
          to="/collect/imports/new"
          search={{ upload: item.run.upload_id, run: item.id }}
          className="text-link"
        >
          {t("collect.imports.toRun")}
        </Link>
      )}
      {item.rejected > 0 && (
        <Link to="/collect/quarantine" search={{ source: item.source.id }} className="text-link">
          {t("collect.imports.toQuarantine")}
        </Link>
      )}
      <dl className="pairs">
        <dt>{t("collect.imports.source")}</dt>
        <dd>{item.source.name}</dd>
        <dt>{t("collect.imports.size")}</dt>
        <dd>{format.bytes(item.size)}</dd>
        <dt>{t("collect.imports.started")}</dt>
        <dd>
          <ExactTime at={item.created_at} />
        </dd>
        {took !== null && (
          <>
            <dt>{t("collect.imports.took")}</dt>
            <dd>{format.duration(took)}</dd>
          </>
        )}
        <dt>{t("collect.imports.fingerprint")}</dt>
        <dd>
          <code>{item.fingerprint}</code>
        </dd>
      </dl>
      <section>
        <h3 className="drawer-title">{t("collect.imports.usedMapping")}</h3>
        <Json value={item.mapping} />
      </section>
    </div>
  );
}

function HowTo() {
  const { t } = useTranslation();
  const origin = window.location.origin;
  return (
    <div className="stack drawer-stack">
      <p>{t("collect.imports.howAbout")}</p>
      <section>
        <h3 className="drawer-title">{t("collect.imports.mapping")}</h3>
        <p className="muted">{t("collect.imports.mappingHint")}</p>
        <CodeSnippet code={mappingExample} />
      </section>
      <section>
        <h3 className="drawer-title">{t("collect.imports.dryRun")}</h3>
        <p className="muted">{t("collect.imports.dryRunHint")}</p>
        <CodeSnippet code={importCommand(origin, true)} />
      </section>
      <section>
        <h3 className="drawer-title">{t("collect.imports.run")}</h3>
        <p className="muted">{t("collect.imports.runHint")}</p>
        <CodeSnippet code={importCommand(origin, false)} />
      </section>
    </div>
  );
}
