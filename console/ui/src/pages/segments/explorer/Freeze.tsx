import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { App, Button, Input, Popover } from "antd";
import { Snowflake } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { PurposeSelect } from "@/components/PurposeSelect";
import { compact } from "@/lib/search";
import { usePurposes } from "@/lib/usePurposes";
import { useWrite } from "@/lib/useWrite";
import type { Who } from "./doors";

/** Makes a fixed list of who is in, now or on the day that is shown. */
export function Freeze(props: {
  who: Who;
  name: string;
  at: string | undefined;
  purpose?: string | undefined;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const client = useQueryClient();
  const may = useMay("segments:write");
  const { policy } = usePurposes();
  const [open, setOpen] = useState(false);
  const [key, setKey] = useState(idempotencyKey);
  const [typed, setTyped] = useState<string>();
  const [purpose, setPurpose] = useState(props.purpose ?? "");
  const usual = t("explorer.freeze.usual", { name: props.name, date: format.date(props.at ?? Date.now()) });
  const name = typed ?? usual.slice(0, 200);
  const freeze = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/audience/freeze", {
          params: { header: key },
          body: {
            ...("segment" in props.who ? { segment: props.who.segment } : { rule: props.who.rule }),
            name: name.trim(),
            ...compact({ at: props.at, purpose: purpose || undefined }),
          },
        }),
      ),
    onSuccess: async (made) => {
      setOpen(false);
      setKey(idempotencyKey());
      message.success(t("explorer.freeze.done", { count: made.members, n: format.num(made.members) }));
      void client.invalidateQueries({ queryKey: ["segments"] });
      await navigate({ to: "/segments/$id", params: { id: made.segment } });
    },
  });
  if (!may) return null;
  return (
    <Popover
      trigger="click"
      placement="bottomRight"
      open={open}
      onOpenChange={setOpen}
      content={
        <form
          className="export-form"
          onSubmit={(e) => {
            e.preventDefault();
            if (name.trim() !== "") freeze.mutate();
          }}
        >
          <label htmlFor="freeze-name">{t("explorer.freeze.name")}</label>
          <Input id="freeze-name" value={name} maxLength={200} onChange={(e) => setTyped(e.target.value)} />
          {policy && (
            <>
              <label htmlFor="freeze-purpose">{t("segments.purpose")}</label>
              <PurposeSelect id="freeze-purpose" use="act" value={purpose} onChange={setPurpose} />
            </>
          )}
          <p className="muted">{t(props.at ? "explorer.freeze.hintPast" : "explorer.freeze.hint")}</p>
          <Button type="primary" htmlType="submit" loading={freeze.isPending} disabled={name.trim() === ""}>
            {t("explorer.freeze.do")}
          </Button>
        </form>
      }
    >
      <Button icon={<Snowflake size={14} />}>{t("explorer.freeze.title")}</Button>
    </Popover>
  );
}
