import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Alert, App, Button, Input, Radio } from "antd";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data, idempotencyKey } from "@/api/client";
import { useFormat } from "@/app/appearance";
import { parseTable } from "@/lib/csv";
import { parseJson } from "@/lib/json";
import { useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { emptyDocument, SourcePicker } from "./parts";
import type { PlanDocument } from "./queries";
import { countProperties } from "./schema";
import { type Beginning, beginnings } from "./search";

/** A document that was read, before anything is kept. */
interface Read {
  document: PlanDocument;
  /** What was not taken over. */
  leftOut: readonly string[];
  /** How many events it was made of, when it was observed. */
  seen?: number;
}

/** Makes a plan of what is there already, and shows what it would be before it is kept. */
export function NewPlan(props: { from: Beginning; onFrom: (from: Beginning) => void; onCancel: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [sources, setSources] = useState<string[]>([]);
  const [text, setText] = useState("");
  const [read, setRead] = useState<Read>();
  const { from } = props;
  const leave = useUnsaved(name !== "" || text !== "" || read !== undefined);
  const take = useWrite({
    mutationFn: () => readFrom(from, text, sources, t("plans.notJson")),
    onSuccess: (r) => {
      setRead(r);
      if (r.name) setName((n) => n || (r.name ?? ""));
    },
  });
  const create = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/plans", {
          params: { header: idempotencyKey() },
          body: {
            name: name.trim(),
            sources,
            draft: from === "empty" ? emptyDocument : (read?.document ?? emptyDocument),
          },
        }),
      ),
    onSuccess: async (plan) => {
      leave();
      message.success(t("plans.created", { name: plan.name }));
      await client.invalidateQueries({ queryKey: ["plans"] });
      await navigate({ to: "/plans/$id", params: { id: plan.id } });
    },
  });
  const choose = (next: Beginning) => {
    setRead(undefined);
    setText("");
    props.onFrom(next);
  };
  const pasted = from === "protocols" || from === "sensors";
  const ready = from === "empty" || read !== undefined;
  return (
    <div className="stack">
      <div className="plan-field">
        <span>{t("plans.begin")}</span>
        <Radio.Group
          value={from}
          onChange={(e) => choose(e.target.value as Beginning)}
          options={beginnings.map((b) => ({ value: b, label: t(`plans.from.${b}`) }))}
          className="plan-from"
        />
        <p className="muted">{t(`plans.fromHint.${from}`)}</p>
      </div>
      <div className="plan-field">
        <span>{t("plans.sources")}</span>
        <SourcePicker
          value={sources}
          onChange={(ids) => {
            setSources(ids);
            if (from === "observed") setRead(undefined);
          }}
        />
        <p className="muted">{t("plans.sourcesHint")}</p>
      </div>
      {pasted && (
        <Paste
          from={from}
          text={text}
          onText={(next) => {
            setText(next);
            setRead(undefined);
          }}
        />
      )}
      {from !== "empty" && (
        <div>
          <Button
            type={read ? "default" : "primary"}
            loading={take.isPending}
            disabled={pasted && text.trim() === ""}
            onClick={() => take.mutate()}
          >
            {t(from === "observed" ? "plans.look" : "plans.read")}
          </Button>
        </div>
      )}
      {read && <Found read={read} />}
      {ready && (
        <div className="plan-field">
          <label htmlFor="plan-name">{t("plans.name")}</label>
          <Input
            id="plan-name"
            value={name}
            maxLength={200}
            placeholder={t("plans.namePlaceholder")}
            onChange={(e) => setName(e.target.value)}
            onPressEnter={() => name.trim() !== "" && create.mutate()}
          />
        </div>
      )}
      <div className="row">
        {ready && (
          <Button
            type="primary"
            disabled={name.trim() === ""}
            loading={create.isPending}
            onClick={() => create.mutate()}
          >
            {t("plans.keep")}
          </Button>
        )}
        <Button onClick={props.onCancel}>{t("action.cancel")}</Button>
      </div>
    </div>
  );
}

function Paste(props: { from: "protocols" | "sensors"; text: string; onText: (text: string) => void }) {
  const { t } = useTranslation();
  const file = useRef<HTMLInputElement>(null);
  return (
    <div className="plan-field">
      <div className="row">
        <label htmlFor="plan-paste">{t(`plans.paste.${props.from}`)}</label>
        <Button size="small" className="push-right" onClick={() => file.current?.click()}>
          {t("plans.chooseFile")}
        </Button>
        <input
          ref={file}
          type="file"
          hidden
          accept={props.from === "protocols" ? ".json,application/json" : ".csv,.tsv,.txt,text/csv"}
          onChange={async (e) => {
            const chosen = e.target.files?.[0];
            e.target.value = "";
            if (chosen) props.onText(await chosen.text());
          }}
        />
      </div>
      <Input.TextArea
        id="plan-paste"
        className="plan-code"
        value={props.text}
        onChange={(e) => props.onText(e.target.value)}
        autoSize={{ minRows: 6, maxRows: 14 }}
        spellCheck={false}
      />
    </div>
  );
}

function Found({ read }: { read: Read }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { events } = read.document;
  const properties = events.reduce((n, e) => n + countProperties(e.schema), 0);
  return (
    <section className="card card-pad stack" data-testid="plan-found" aria-live="polite">
      <dl className="facts">
        <div>
          <dt>{t("plans.events")}</dt>
          <dd>{format.num(events.length)}</dd>
        </div>
        <div>
          <dt>{t("plans.properties")}</dt>
          <dd>{format.num(properties)}</dd>
        </div>
        {read.seen !== undefined && (
          <div>
            <dt>{t("plans.seen")}</dt>
            <dd>{format.num(read.seen)}</dd>
          </div>
        )}
      </dl>
      <p className="muted plan-names">
        {events
          .slice(0, 12)
          .map((e) => e.display_name || e.name)
          .join(" · ")}
        {events.length > 12 && " …"}
      </p>
      {read.leftOut.length > 0 && (
        <Alert
          type="warning"
          showIcon
          title={t("plans.leftOut", { count: read.leftOut.length, n: format.num(read.leftOut.length) })}
          description={
            <ul className="plan-left-out">
              {read.leftOut.map((l) => (
                <li key={l}>{l}</li>
              ))}
            </ul>
          }
        />
      )}
    </section>
  );
}

async function readFrom(
  from: Beginning,
  text: string,
  sources: string[],
  notJson: string,
): Promise<Read & { name?: string }> {
  if (from === "observed") {
    const r = await data(api.POST("/api/v1/plans/observe", { body: { sources } }));
    return { document: r.plan, leftOut: [], seen: r.events_seen };
  }
  let plan: Record<string, unknown> = {};
  if (from === "protocols") {
    try {
      plan = parseJson(text) as Record<string, unknown>;
    } catch (e) {
      throw new Error(`${notJson} ${e instanceof Error ? e.message : ""}`.trim());
    }
  }
  const body =
    from === "protocols"
      ? { format: "protocols" as const, plan }
      : { format: "sensors" as const, rows: parseTable(text) };
  const r = await data(api.POST("/api/v1/plans/import", { body }));
  return { document: r.plan, leftOut: r.left_out, name: r.name };
}
