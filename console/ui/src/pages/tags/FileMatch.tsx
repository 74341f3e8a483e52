import { useQueryClient } from "@tanstack/react-query";
import { Button, Upload } from "antd";
import { FileUp } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useWrite } from "@/lib/useWrite";
import type { TagMatching } from "./queries";

/** Reads values from a file: first who is found, then, if that is right, for good. */
export function FileMatch({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const client = useQueryClient();
  const [file, setFile] = useState<{ name: string; text: string }>();
  const [found, setFound] = useState<TagMatching & { trial: boolean }>();
  const read = useWrite({
    mutationFn: async ({ name, text, trial }: { name: string; text: string; trial: boolean }) => ({
      ...(await data(
        api.POST("/api/v1/tags/{id}/file", {
          params: { path: { id }, query: { name, trial } },
          body: text,
          bodySerializer: (body: string) => body,
          headers: { "Content-Type": "text/csv" },
        }),
      )),
      trial,
    }),
    onSuccess: async (report) => {
      setFound(report);
      await client.invalidateQueries({ queryKey: ["tags"] });
    },
  });
  return (
    <div className="stack">
      <Upload
        accept=".csv,text/csv"
        maxCount={1}
        showUploadList={false}
        beforeUpload={(f) => {
          void f.text().then((text) => {
            setFile({ name: f.name, text });
            read.mutate({ name: f.name, text, trial: true });
          });
          return false;
        }}
      >
        <Button icon={<FileUp size={14} />} loading={read.isPending}>
          {t("tags.file")}
        </Button>
      </Upload>
      <p className="muted">{t("tags.fileHint")}</p>
      {found && (
        <div role="status" className="stack">
          <p>
            {t(found.trial ? "tags.found" : "tags.given", {
              rows: format.num(found.rows),
              matched: format.num(found.matched),
              changed: format.num(found.changed),
            })}
          </p>
          <p className="muted">
            {t("tags.left", {
              unknown: format.num(found.unknown),
              ambiguous: format.num(found.ambiguous),
              invalid: format.num(found.invalid),
              repeated: format.num(found.repeated),
            })}
          </p>
          {found.samples.length > 0 && (
            <p className="muted">
              {found.samples
                .map((s) => t("tags.sample", { row: s.row, why: t(`tags.left_${s.why}`) }))
                .join(" · ")}
            </p>
          )}
          {found.trial && file && found.matched > 0 && (
            <Button
              type="primary"
              loading={read.isPending}
              onClick={() => read.mutate({ ...file, trial: false })}
            >
              {t("tags.giveThem")}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
