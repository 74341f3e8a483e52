import { useQueryClient } from "@tanstack/react-query";
import { App, Button, Checkbox, Input, InputNumber, Radio, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { useMay } from "@/app/session";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import type { PrivacyRequest } from "./queries";
import { peopleOf, requestReasons } from "./search";

const most = 10_000;

/** Puts in what one or many people have asked for; an erasure wants their number typed. */
export function NewRequest({ onDone }: { onDone: (bulk: string) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { message } = App.useApp();
  const client = useQueryClient();
  const mayErase = useMay("people:erase");
  const [kind, setKind] = useState<PrivacyRequest["kind"]>(mayErase ? "erasure" : "access");
  const [text, setText] = useState("");
  const [reason, setReason] = useState<PrivacyRequest["reason"]>("request");
  const [note, setNote] = useState("");
  const [days, setDays] = useState(15);
  const [suppress, setSuppress] = useState(false);
  const [typed, setTyped] = useState("");
  const leave = useUnsaved(text !== "" || note !== "");
  const people = peopleOf(text);
  const confirmed = kind === "access" || typed.trim() === String(people.length);
  const ask = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/privacy/requests", {
          body: {
            kind,
            people,
            reason,
            note,
            suppress: kind === "erasure" && suppress,
            due_days: days,
            confirm: people.length,
          },
        }),
      ),
    onSuccess: async (out) => {
      message.success(t("privacy.ask.done", { count: out.total, n: format.num(out.total) }));
      leave();
      onDone(out.bulk);
      await client.invalidateQueries({ queryKey: ["privacy"] });
    },
  });
  return (
    <div className="stack privacy-form">
      <Radio.Group value={kind} onChange={(e) => setKind(e.target.value)}>
        <Radio value="erasure" disabled={!mayErase}>
          {t("privacy.kinds.erasure")}
        </Radio>
        <Radio value="access">{t("privacy.kinds.access")}</Radio>
      </Radio.Group>
      <div>
        <label htmlFor="privacy-people">{t("privacy.ask.people")}</label>
        <Input.TextArea
          id="privacy-people"
          className="mono"
          rows={8}
          value={text}
          onChange={(e) => setText(e.target.value)}
          placeholder={"phone:13912345678\nemail:ann@example.com, user_id:ann"}
        />
        <div className="row privacy-file">
          <span className={people.length > most ? "bad" : "muted"}>
            {t("privacy.ask.count", {
              count: people.length,
              n: format.num(people.length),
              most: format.num(most),
            })}
          </span>
          <label className="privacy-pick">
            {t("privacy.ask.file")}
            <input
              type="file"
              accept=".csv,.txt,text/plain,text/csv"
              onChange={async (e) => setText((await e.target.files?.[0]?.text()) ?? text)}
            />
          </label>
        </div>
      </div>
      <div>
        <label htmlFor="privacy-reason">{t("privacy.reason")}</label>
        <Select
          id="privacy-reason"
          value={reason}
          onChange={setReason}
          options={requestReasons.map((v) => ({ value: v, label: t(`privacy.reasons.${v}`) }))}
        />
      </div>
      <div>
        <label htmlFor="privacy-days">{t("privacy.ask.days")}</label>
        <InputNumber id="privacy-days" min={1} max={90} value={days} onChange={(v) => setDays(v ?? 15)} />
      </div>
      <div>
        <label htmlFor="privacy-note">{t("privacy.note")}</label>
        <Input.TextArea
          id="privacy-note"
          rows={2}
          maxLength={600}
          value={note}
          onChange={(e) => setNote(e.target.value)}
        />
        <span className="muted">{t("privacy.ask.noteHelp")}</span>
      </div>
      {kind === "erasure" && (
        <>
          <Checkbox checked={suppress} onChange={(e) => setSuppress(e.target.checked)}>
            {t("privacy.ask.suppress")}
          </Checkbox>
          <p>{t("privacy.ask.warning")}</p>
          <div>
            <label htmlFor="privacy-confirm">{t("privacy.ask.confirm", { n: String(people.length) })}</label>
            <Input
              id="privacy-confirm"
              autoComplete="off"
              inputMode="numeric"
              value={typed}
              onChange={(e) => setTyped(e.target.value)}
            />
          </div>
        </>
      )}
      <Button
        type="primary"
        danger={kind === "erasure"}
        disabled={people.length === 0 || people.length > most || !confirmed}
        loading={ask.isPending}
        onClick={() => ask.mutate()}
      >
        {t(`privacy.ask.ok.${kind}`, { count: people.length, n: format.num(people.length) })}
      </Button>
    </div>
  );
}
