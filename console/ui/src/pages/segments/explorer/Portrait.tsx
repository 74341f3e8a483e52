import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Select, Tooltip } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { AudiencePortrait } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ChoiceRow } from "@/components/Named";
import { ErrorState } from "@/components/states";
import { choicesOf, isFound, useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
import { isTelling, type PortraitValue, valueRule, type Who } from "./doors";
import { audienceFieldsQuery, audiencePortraitQuery } from "./queries";
import { maxFields } from "./search";

type Field = AudiencePortrait["fields"][number];

/** Values of a field that are shown at once. */
const few = 6;

/** What an audience is like, beside everybody: by the traits that tell most, or by those that were chosen. */
export function Portrait(props: {
  who: Who;
  at: string | undefined;
  day: string | undefined;
  fields: readonly string[];
  onFields: (fields: string[]) => void;
}) {
  const { t } = useTranslation();
  const names = useNames();
  const labels = useLabels();
  const query = useQuery(audiencePortraitQuery(props.who, props.at, props.fields));
  const known = useQuery(audienceFieldsQuery).data?.items ?? [];
  const shown = query.data?.fields;
  return (
    <section className="card" aria-busy={query.isFetching} data-testid="portrait">
      <div className="card-head">
        <h2>
          <Tooltip title={t("explorer.portrait.help")}>
            <span className="helped">{t("explorer.portrait.title")}</span>
          </Tooltip>
        </h2>
        <Select
          className="portrait-fields"
          mode="multiple"
          size="small"
          maxTagCount="responsive"
          maxCount={maxFields}
          aria-label={t("explorer.portrait.choose")}
          placeholder={t("explorer.portrait.auto")}
          value={[...props.fields]}
          onChange={props.onFields}
          options={choicesOf(names, "trait", known, (x) => x.trait, [...props.fields], labels.trait)}
          optionRender={(o) => <ChoiceRow label={o.data.label} raw={o.data.raw} />}
          showSearch={{ filterOption: (text, option) => isFound(text, option) }}
          popupMatchSelectWidth={false}
          notFoundContent={<span className="muted">{t("explorer.portrait.noFields")}</span>}
        />
      </div>
      {query.error && !query.data ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : shown?.length === 0 ? (
        <p className="explorer-note muted">{t("explorer.portrait.empty")}</p>
      ) : (
        <div className="portrait" data-stale={query.isPlaceholderData || undefined}>
          {(shown ?? Array.from({ length: 3 }, () => null)).map((f, i) =>
            f ? (
              <FieldCard key={f.trait} field={f} who={props.who} day={props.day} />
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
              <div key={i} className="portrait-field" aria-hidden="true">
                <span className="bone" style={{ width: 120 }} />
                {[80, 60, 40].map((w) => (
                  <span key={w} className="bone" style={{ width: `${w}%` }} />
                ))}
              </div>
            ),
          )}
        </div>
      )}
    </section>
  );
}

function FieldCard({ field: f, who, day }: { field: Field; who: Who; day: string | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const [whole, setWhole] = useState(false);
  const values = whole ? f.values : f.values.slice(0, few);
  const most = Math.max(0.0001, ...f.values.map((v) => Math.max(v.share, v.share_all)), f.other?.share ?? 0);
  const strength = f.telling >= 0.3 ? "much" : f.telling >= 0.1 ? "some" : "little";
  return (
    <article className="portrait-field" data-testid="portrait-field">
      <header>
        <h3 className="ellipsis" title={f.trait}>
          {labels.trait(f.trait)}
        </h3>
        <Tooltip title={t("explorer.portrait.tellingHelp", { v: format.num(f.telling, 2) })}>
          <small className="muted helped">{t(`explorer.portrait.telling.${strength}`)}</small>
        </Tooltip>
      </header>
      <ul>
        {values.map((v) => (
          <Bar
            key={`${v.value} ${v.from} ${v.to}`}
            label={<ValueName value={v} kind={f.kind} />}
            figures={v}
            most={most}
            rule={valueRule(who, f.trait, f.kind, v)}
            day={day}
          />
        ))}
        {f.other && (whole || f.values.length <= few) && (
          <Bar
            label={<span className="muted">{t("explorer.portrait.other")}</span>}
            figures={f.other}
            most={most}
            rule={null}
            day={day}
          />
        )}
      </ul>
      <footer className="muted">
        <span>{t("explorer.portrait.known", { n: format.num(f.known), count: f.known })}</span>
        {f.values.length > few && (
          <button type="button" className="door" onClick={() => setWhole(!whole)}>
            {whole
              ? t("explorer.portrait.fewer")
              : t("explorer.portrait.more", { n: format.num(f.values.length - few) })}
          </button>
        )}
        {whole && f.different > f.values.length && f.kind === "text" && (
          <span>{t("explorer.portrait.different", { n: format.num(f.different) })}</span>
        )}
      </footer>
    </article>
  );
}

function ValueName({ value: v, kind }: { value: PortraitValue; kind: Field["kind"] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const say = (x: unknown): string => {
    if (kind === "time" && typeof x === "string") return format.date(x);
    if (typeof x === "number") return format.num(x, 2);
    if (typeof x === "boolean") return t(x ? "condition.true" : "condition.false");
    return x === "" ? "“”" : String(x);
  };
  if (v.value !== null && v.value !== undefined) return <>{say(v.value)}</>;
  const [from, to] = [v.from ?? null, v.to ?? null];
  if (from === null && to === null) return <>{t("explorer.portrait.any")}</>;
  if (from === null) return <>{t("explorer.portrait.below", { to: say(to) })}</>;
  if (to === null) return <>{t("explorer.portrait.from", { from: say(from) })}</>;
  return <>{t("explorer.portrait.range", { from: say(from), to: say(to) })}</>;
}

/** A value's share among the members, a mark where everybody's is, and how many times that it is. */
function Bar(props: {
  label: ReactNode;
  figures: PortraitValue;
  most: number;
  rule: ReturnType<typeof valueRule>;
  day: string | undefined;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const f = props.figures;
  const telling = isTelling(f);
  const index = f.index === null ? "–" : `×${format.num(f.index, f.index < 10 ? 2 : 0)}`;
  const help = t("explorer.portrait.figures", {
    members: format.num(f.members),
    all: format.num(f.all),
    share: format.percent(f.share),
    shareAll: format.percent(f.share_all),
  });
  const range =
    f.low !== null && f.high !== null
      ? ` ${t(telling ? "explorer.portrait.sure" : "explorer.portrait.unsure", { low: format.num(f.low, 2), high: format.num(f.high, 2) })}`
      : "";
  return (
    <li>
      <span className="portrait-value ellipsis" title={f.value === null ? undefined : String(f.value ?? "")}>
        {props.rule ? (
          <Link
            to="/segments/explore"
            search={{ rule: props.rule, ...(props.day ? { at: props.day } : {}) }}
            className="door"
          >
            {props.label}
          </Link>
        ) : (
          props.label
        )}
      </span>
      <Tooltip title={help + range}>
        <span className="portrait-bar">
          <i style={{ width: `${(f.share / props.most) * 100}%` }} />
          <b style={{ left: `${(f.share_all / props.most) * 100}%` }} />
        </span>
      </Tooltip>
      <span className="num">{format.percent(f.share)}</span>
      <span className="num portrait-index" data-telling={telling || undefined}>
        {index}
      </span>
    </li>
  );
}
