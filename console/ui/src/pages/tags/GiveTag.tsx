import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, AutoComplete, Button, Select } from "antd";
import { Tag } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useMay } from "@/app/session";
import { SegmentPicker } from "@/components/conditions/SegmentPicker";
import { DetailDrawer } from "@/components/DetailDrawer";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { textOfValue, typedValue } from "./draft";
import { distributionQuery, tagsQuery } from "./queries";

/** Gives a value by hand to a person, or to all who are in a segment now. What is not given is chosen here. */
export function GiveTag(props: {
  person?: string;
  segment?: string;
  tag?: string | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const [tag, setTag] = useState(props.tag);
  const [segment, setSegment] = useState(props.segment);
  const [text, setText] = useState("");
  const leave = useUnsaved(text !== "");
  const written = (useQuery(tagsQuery).data?.items ?? []).filter(
    (x) => x.serving > 0 && (x.kind === "manual" || x.kind === "import"),
  );
  const values = useQuery({ ...distributionQuery(tag ?? ""), enabled: tag !== undefined }).data?.values ?? [];
  const give = useWrite({
    mutationFn: async (value: unknown) => {
      const path = { id: tag ?? "" };
      if (props.person !== undefined) {
        const body = { values: [{ person: props.person, value }] };
        await data(
          api.POST("/api/v1/tags/{id}/values", { params: { path, header: idempotencyKey() }, body }),
        );
      } else {
        const body = { segment: segment ?? "", value };
        await data(api.POST("/api/v1/tags/{id}/give", { params: { path, header: idempotencyKey() }, body }));
      }
    },
    onSuccess: async () => {
      leave();
      message.success(t(props.person === undefined ? "tags.give.begun" : "tags.give.done"));
      await Promise.all([
        client.invalidateQueries({ queryKey: ["persons"] }),
        client.invalidateQueries({ queryKey: ["tags"] }),
        client.invalidateQueries({ queryKey: ["jobs"] }),
      ]);
      props.onClose();
    },
  });
  const ready = tag !== undefined && (props.person !== undefined || segment !== undefined);
  return (
    <DetailDrawer
      open
      width={480}
      onClose={props.onClose}
      title={t(props.person === undefined ? "tags.give.many" : "tags.give.one")}
      footer={
        <div className="row">
          <Button
            type="primary"
            disabled={!ready || text.trim() === ""}
            loading={give.isPending}
            onClick={() => give.mutate(typedValue(text))}
          >
            {t("tags.give.ok")}
          </Button>
          <Button danger disabled={!ready || give.isPending} onClick={() => give.mutate(null)}>
            {t("tags.give.takeAway")}
          </Button>
        </div>
      }
    >
      <div className="stack">
        <p className="muted">{t(props.person === undefined ? "tags.give.manyHint" : "tags.give.oneHint")}</p>
        {props.tag === undefined && (
          <div>
            <label htmlFor="give-tag">{t("tags.one")}</label>
            <Select
              id="give-tag"
              style={{ width: "100%" }}
              value={tag ?? null}
              placeholder={t("tags.give.choose")}
              options={written.map((x) => ({ value: x.id, label: x.name }))}
              notFoundContent={t("tags.give.noneYet")}
              onChange={(id) => setTag(id ?? undefined)}
            />
          </div>
        )}
        {props.person === undefined && props.segment === undefined && (
          <div>
            <span>{t("tags.whoIsIn")}</span>
            <SegmentPicker label={t("tags.whoIsIn")} value={segment} onChange={setSegment} />
          </div>
        )}
        <div>
          <label htmlFor="give-value">{t("tags.value")}</label>
          <AutoComplete
            id="give-value"
            style={{ width: "100%" }}
            value={text}
            options={values.map((v) => ({ value: textOfValue(v.value) }))}
            onChange={(v) => setText(v ?? "")}
          />
        </div>
      </div>
    </DetailDrawer>
  );
}

/** Offers to give a tag: to a segment, on its page. */
export function GiveTagButton(props: { segment?: string; tag?: string }) {
  const { t } = useTranslation();
  const may = useMay("tags:give");
  const [open, setOpen] = useState(false);
  if (!may) return null;
  return (
    <>
      <Button icon={<Tag size={14} />} onClick={() => setOpen(true)}>
        {t(props.segment === undefined ? "tags.give.many" : "tags.give.one")}
      </Button>
      {open && <GiveTag {...props} onClose={() => setOpen(false)} />}
    </>
  );
}
