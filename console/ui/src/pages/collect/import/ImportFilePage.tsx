import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import { guessQuery, previewQuery, settingsQuery, uploadQuery } from "@/api/queries";
import type { SavedMapping, Upload } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { LinkButton } from "@/components/LinkButton";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState, ErrorState } from "@/components/states";
import { formatJson, parseJson, stableJson } from "@/lib/json";
import { useRested } from "@/lib/useDraft";
import { useSetSearch } from "@/lib/useSetSearch";
import { FileCard } from "./FileCard";
import { FormatCard } from "./FormatCard";
import { MappingCard } from "./MappingCard";
import { type FormatKey, formatKeys, type Mapping, setFormat } from "./mapping";
import { PreviewCard } from "./PreviewCard";
import { ResultCard } from "./ResultCard";
import { RunCard, SaveMapping } from "./RunCard";
import "../collect.css";
import "./import.css";

const route = getRouteApi("/shell/collect/imports/new");

/** From a file to events on one page: what is done so far is in the address. */
export function ImportFilePage() {
  const { t } = useTranslation();
  const { upload: id, run } = route.useSearch();
  const setSearch = useSetSearch();
  const query = useQuery({ ...uploadQuery(id ?? ""), enabled: id !== undefined });
  const upload = id === undefined ? undefined : query.data;
  const gone = query.error instanceof ApiError && query.error.status === 404;
  return (
    <div className="page">
      <PageHeader
        title={t("importFile.title")}
        about={t("importFile.about")}
        actions={<LinkButton to="/collect/imports">{t("importFile.back")}</LinkButton>}
      />
      <div className="stack">
        {run === undefined && id !== undefined && query.error && !upload ? (
          <section className="card">
            {gone ? (
              <EmptyState
                title={t("importFile.file.gone")}
                hint={t("importFile.file.goneHint")}
                action={
                  <Button type="primary" onClick={() => setSearch({ upload: undefined, run: undefined })}>
                    {t("importFile.file.choose")}
                  </Button>
                }
              />
            ) : (
              <ErrorState error={query.error} onRetry={() => void query.refetch()} />
            )}
          </section>
        ) : (
          (id === undefined || upload) && (
            <FileCard
              key="file"
              upload={upload}
              onUpload={(next) => setSearch({ upload: next, run: undefined, view: undefined }, "push")}
            />
          )
        )}
        {run !== undefined ? (
          <ResultCard id={run} onBack={() => setSearch({ run: undefined })} />
        ) : (
          upload?.finished_at && <Mapped key={upload.id} upload={upload} />
        )}
      </div>
    </div>
  );
}

interface Draft {
  /** Nothing until the file is guessed at. */
  mapping: Mapping | null;
  /** What people said of the format; the rest is guessed. */
  said: Mapping;
  /** The text, while it is the text that is edited. */
  yaml: string | null;
  saved?: { id: string; name: string };
}

const kept = (id: string) => `ts-import-${id}`;

function readDraft(id: string): Draft | undefined {
  const text = sessionStorage.getItem(kept(id));
  return text ? (parseJson(text) as Draft) : undefined;
}

/** A whole file: its format, its mapping, the preview, and the way on. */
function Mapped({ upload }: { upload: Upload }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { view = "form" } = route.useSearch();
  const setSearch = useSetSearch();
  const zone = useQuery(settingsQuery).data?.organisation.time_zone;
  const [draft, setDraft] = useState<Draft>(
    () => readDraft(upload.id) ?? { mapping: null, said: {}, yaml: null },
  );
  const { mapping } = draft;
  const guess = useQuery({
    ...guessQuery(upload.id, { ...draft.said }, zone ?? "UTC"),
    enabled: zone !== undefined,
    placeholderData: keepPreviousData,
  });
  const guessed = guess.isPlaceholderData ? undefined : guess.data;
  // The guess is the draft to begin with. Told another format, the file has other columns: then it is guessed anew.
  if (guessed && !mapping) setDraft({ ...draft, mapping: guessed.mapping });
  useEffect(() => {
    if (draft.mapping) sessionStorage.setItem(kept(upload.id), formatJson(draft));
  }, [draft, upload.id]);

  const how =
    draft.yaml !== null ? { yaml: draft.yaml } : { mapping: (mapping ?? {}) as Record<string, unknown> };
  const rested = useRested(how, 350);
  const preview = useQuery({
    ...previewQuery(upload.id, rested),
    enabled: mapping !== null && stableJson(rested) !== stableJson({ mapping: {} }),
    placeholderData: keepPreviousData,
  });
  const [last, setLast] = useState(preview.data);
  if (preview.data && preview.data !== last) setLast(preview.data);
  const current = preview.isSuccess && !preview.isPlaceholderData && stableJson(rested) === stableJson(how);
  // The form follows the text as soon as that can be read.
  const read = current && draft.yaml !== null ? (preview.data.mapping as Mapping) : undefined;
  if (read && stableJson(read) !== stableJson(mapping)) setDraft({ ...draft, mapping: read });

  if (guess.error && !guess.data)
    return (
      <section className="card">
        <ErrorState error={guess.error} onRetry={() => void guess.refetch()} />
      </section>
    );
  if (!guess.data || !mapping) return <section className="card preview-bones" aria-busy="true" />;

  const change = (next: Mapping) => setDraft({ ...draft, mapping: next, yaml: null });
  const say = (key: FormatKey, value: unknown) => {
    const said = setFormat(draft.said, key, value);
    // A number's sign leaves the columns as they are; all else may cut the file anew.
    if (key === "decimal") setDraft({ ...draft, said, mapping: setFormat(mapping, key, value), yaml: null });
    else setDraft({ said, yaml: null, mapping: null });
  };
  const use = (m: SavedMapping) => {
    const formatOf = Object.entries(mapping).filter(([k]) => (formatKeys as readonly string[]).includes(k));
    setDraft({
      ...draft,
      mapping: { ...Object.fromEntries(formatOf), ...(m.mapping as Mapping) },
      yaml: null,
      saved: { id: m.id, name: m.name },
    });
  };
  const yaml = draft.yaml ?? (current ? preview.data.yaml : (last?.yaml ?? ""));
  const offers = guess.data.saved.filter((m) => m.id !== draft.saved?.id);
  return (
    <>
      {draft.saved ? (
        <div className="card notice" role="status">
          <span>{t("importFile.saved.used", { name: draft.saved.name })}</span>
        </div>
      ) : (
        offers.length > 0 && (
          <div className="card notice" role="status">
            <span>{t("importFile.saved.offer")}</span>
            {offers.slice(0, 3).map((m) => (
              <Button
                key={m.id}
                size="small"
                title={t("importFile.saved.by", { who: m.updated_by, when: format.relative(m.updated_at) })}
                onClick={() => use(m)}
              >
                {t("importFile.saved.use", { name: m.name })}
              </Button>
            ))}
          </div>
        )
      )}
      <FormatCard guess={guess.data} mapping={mapping} said={draft.said} onSay={say} />
      <MappingCard
        guess={guess.data}
        mapping={mapping}
        onMapping={change}
        view={view}
        onView={(v) => setSearch({ view: v === "yaml" ? "yaml" : undefined })}
        yaml={yaml}
        onYaml={(text) => setDraft({ ...draft, yaml: text })}
        actions={
          <SaveMapping
            key={draft.saved?.id ?? "new"}
            yaml={yaml}
            columns={guess.data.columns.map((c) => c.name)}
            suggested={draft.saved?.name ?? upload.name.replace(/(\.\w{1,7}){1,2}$/, "")}
            savedId={draft.saved?.id}
          />
        }
      />
      <PreviewCard
        preview={last}
        error={preview.error}
        loading={preview.isFetching}
        onRetry={() => void preview.refetch()}
      />
      <RunCard
        upload={upload}
        mapping={mapping}
        yaml={yaml}
        ready={current}
        onStarted={(i) => setSearch({ run: i.id }, "push")}
      />
    </>
  );
}
