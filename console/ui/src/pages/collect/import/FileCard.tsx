import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Progress } from "antd";
import { FileUp, Pause, Play, Trash2, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { uploadQuery, uploadsQuery } from "@/api/queries";
import type { Upload } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState, errorText } from "@/components/states";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { headOf, sendFile, type UploadProgress } from "./upload";

interface Sending extends UploadProgress {
  upload: Upload;
  paused: boolean;
}

/** The file: chosen, on its way, or here. `upload` is the one of the address. */
export function FileCard(props: { upload: Upload | undefined; onUpload: (id: string | undefined) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const client = useQueryClient();
  const file = useRef<File>(undefined);
  const abort = useRef<AbortController>(undefined);
  const [sending, setSending] = useState<Sending>();
  const [error, setError] = useState<unknown>();
  useUnsaved(sending !== undefined);
  useEffect(() => () => abort.current?.abort(), []);

  const send = async (chosen: File, upload: Upload) => {
    const control = new AbortController();
    abort.current = control;
    setSending({ upload, sent: upload.offset, speed: null, waiting: false, paused: false });
    try {
      const done = await sendFile(chosen, upload, control.signal, (p) =>
        setSending((s) => s && { ...s, ...p }),
      );
      client.setQueryData(uploadQuery(done.id).queryKey, done);
      setSending(undefined);
    } catch (e) {
      if (control.signal.aborted) return;
      setSending(undefined);
      setError(e);
    }
  };
  const choose = async (chosen: File) => {
    setError(undefined);
    file.current = chosen;
    try {
      const upload = await data(
        api.POST("/api/v1/uploads", {
          params: { header: idempotencyKey() },
          body: { name: chosen.name, size: chosen.size, head: await headOf(chosen) },
        }),
      );
      if (props.upload && props.upload.id !== upload.id && !props.upload.finished_at && upload.offset === 0) {
        await data(api.DELETE("/api/v1/uploads/{id}", { params: { path: { id: upload.id } } }));
        setError(new Error(t("importFile.file.otherFile", { name: props.upload.name })));
        return;
      }
      client.setQueryData(uploadQuery(upload.id).queryKey, upload);
      props.onUpload(upload.id);
      if (!upload.finished_at) await send(chosen, upload);
      void client.invalidateQueries({ queryKey: uploadsQuery.queryKey, exact: true });
    } catch (e) {
      setError(e);
    }
  };
  const pause = () => {
    abort.current?.abort();
    setSending((s) => s && { ...s, paused: true, speed: null });
  };
  const resume = async () => {
    if (!sending || !file.current) return;
    const upload = await data(
      api.GET("/api/v1/uploads/{id}", { params: { path: { id: sending.upload.id } } }),
    ).catch(() => ({ ...sending.upload, offset: sending.sent }));
    await send(file.current, upload);
  };
  const cancel = async () => {
    abort.current?.abort();
    const id = sending?.upload.id;
    setSending(undefined);
    props.onUpload(undefined);
    if (id) await data(api.DELETE("/api/v1/uploads/{id}", { params: { path: { id } } })).catch(() => {});
    void client.invalidateQueries({ queryKey: ["uploads"] });
  };

  if (sending) {
    const { upload, sent, speed } = sending;
    const left = speed ? (upload.size - sent) / speed : null;
    const state = sending.paused
      ? t("importFile.file.paused")
      : sending.waiting
        ? t("importFile.file.waiting")
        : [
            speed && t("importFile.file.perSecond", { speed: format.bytes(speed) }),
            left && t("importFile.file.left", { time: format.duration(Math.ceil(left)) }),
          ]
            .filter(Boolean)
            .join(" · ");
    return (
      <section className="card card-pad file-card" aria-label={t("importFile.file.title")}>
        <FileUp size={18} aria-hidden="true" />
        <div className="file-facts">
          <b className="ellipsis" title={upload.name}>
            {upload.name}
          </b>
          <Progress
            percent={Math.floor((sent / upload.size) * 1000) / 10}
            showInfo={false}
            size="small"
            aria-label={upload.name}
          />
          <small className="muted" aria-live="polite">
            {format.bytes(sent)} / {format.bytes(upload.size)}
            {state && ` · ${state}`}
          </small>
        </div>
        {sending.paused ? (
          <Button icon={<Play size={14} />} onClick={() => void resume()}>
            {t("importFile.file.resume")}
          </Button>
        ) : (
          <Button icon={<Pause size={14} />} onClick={pause}>
            {t("importFile.file.pause")}
          </Button>
        )}
        <Button icon={<X size={14} />} onClick={() => void cancel()}>
          {t("importFile.file.cancel")}
        </Button>
      </section>
    );
  }
  if (props.upload?.finished_at) {
    return (
      <section className="card card-pad file-card" aria-label={t("importFile.file.title")}>
        <FileUp size={18} aria-hidden="true" />
        <div className="file-facts">
          <b className="ellipsis" title={props.upload.name}>
            {props.upload.name}
          </b>
          <small className="muted">
            {format.bytes(props.upload.size)} · {t("importFile.file.whole")}{" "}
            <RelativeTime at={props.upload.finished_at} />
          </small>
        </div>
        <Button onClick={() => props.onUpload(undefined)}>{t("importFile.file.other")}</Button>
      </section>
    );
  }
  return (
    <>
      <DropZone
        hint={
          props.upload
            ? t("importFile.file.again", {
                name: props.upload.name,
                sent: format.bytes(props.upload.offset),
                size: format.bytes(props.upload.size),
              })
            : t("importFile.file.hint")
        }
        onFile={(f) => void choose(f)}
      />
      {error !== undefined && (
        <p className="file-error" role="alert">
          {errorText(error)}
        </p>
      )}
      {!props.upload && <Kept onOpen={props.onUpload} />}
    </>
  );
}

function DropZone(props: { hint: string; onFile: (f: File) => void }) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is for the mouse; the button inside does the same
    <div
      className="card drop-zone"
      data-over={over || undefined}
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        const f = e.dataTransfer.files[0];
        if (f) props.onFile(f);
      }}
    >
      <FileUp size={28} aria-hidden="true" />
      <b>{t("importFile.file.drop")}</b>
      <p className="muted">{props.hint}</p>
      <Button type="primary" onClick={() => input.current?.click()}>
        {t("importFile.file.choose")}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={t("importFile.file.choose")}
        onChange={(e) => {
          const f = e.target.files?.[0];
          e.target.value = "";
          if (f) props.onFile(f);
        }}
      />
    </div>
  );
}

/** Files that were sent before: to import once more, or to go on with. */
function Kept({ onOpen }: { onOpen: (id: string) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const client = useQueryClient();
  const query = useQuery(uploadsQuery);
  const remove = useWrite({
    mutationFn: (id: string) => data(api.DELETE("/api/v1/uploads/{id}", { params: { path: { id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: uploadsQuery.queryKey, exact: true }),
  });
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const items = query.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section className="card">
      <div className="card-head">
        <h2>
          {t("importFile.file.kept")} <small>{t("importFile.file.keptHint")}</small>
        </h2>
      </div>
      <ul className="kept">
        {items.map((u) => (
          <li key={u.id}>
            <button type="button" className="text-link ellipsis" title={u.name} onClick={() => onOpen(u.id)}>
              {u.name}
            </button>
            <span className="muted num">{format.bytes(u.size)}</span>
            <span className="muted">
              {u.finished_at ? (
                <RelativeTime at={u.finished_at} />
              ) : (
                t("importFile.file.part", { percent: format.percent(u.offset / u.size) })
              )}
            </span>
            <span className="muted ellipsis">{u.by}</span>
            <Button
              type="text"
              size="small"
              icon={<Trash2 size={14} />}
              aria-label={t("importFile.file.remove", { name: u.name })}
              onClick={() => remove.mutate(u.id)}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}
