import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button, Form, Popover, Select, Tooltip } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { analyticsQuery, catalogueAllEventsQuery, cataloguePropertiesQuery } from "@/api/queries";
import type { Query, QueryResult } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useMay, useSession } from "@/app/session";
import { EventPicker } from "@/components/conditions/EventPicker";
import { ChoiceRow } from "@/components/Named";
import { errorText } from "@/components/states";
import { usePeopleBehind } from "@/lib/behind";
import { choicesOf, isFound, useNames } from "@/lib/displayNames";
import { useLabels } from "@/lib/labels";
import { useWrite } from "@/lib/useWrite";
import {
  barDays,
  type Day,
  guessAmount,
  guessOrderEvent,
  isNumeric,
  latestDays,
  newAfterDays,
  newPeopleQuestion,
  orderQuestion,
} from "./orders";
import { changeOverWeek, dailyQuestion } from "./questions";

/** What the business did: orders, money, new and active people, today and over two weeks. */
export function Business() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const currency = useSession()?.organisation.currency ?? "CNY";
  const zone = format.timeZone;
  const order = useOrderEvent();
  const orderAsk = useMemo(
    () => orderQuestion(zone, order.event, order.amount),
    [zone, order.event, order.amount],
  );
  const newAsk = useMemo(() => newPeopleQuestion(zone), [zone]);
  const activeAsk = useMemo(() => dailyQuestion(zone), [zone]);
  const orders = useQuery({
    ...analyticsQuery(orderAsk),
    refetchInterval: 60_000,
    enabled: order.event !== "" && !order.pending,
  });
  // It reads a year of events: dear enough not to be asked again at every look.
  const fresh = useQuery({ ...analyticsQuery(newAsk), staleTime: 300_000, refetchInterval: 300_000 });
  const active = useQuery({ ...analyticsQuery(activeAsk), refetchInterval: 30_000 });
  const event = labels.event(order.event);

  return (
    <section className="business" aria-label={t("overview.business")}>
      {order.event === "" && !order.pending ? (
        <div className="card figure figure-ask">
          <h2>{t("overview.orders")}</h2>
          <p className="muted">{t(order.may ? "overview.orderNone" : "overview.orderNoneAdmin")}</p>
          {order.may && <OrderChoice order={order} />}
        </div>
      ) : (
        <>
          <FigureCard
            title={t("overview.orders")}
            help={t("overview.ordersHelp", { event })}
            query={orders}
            ask={orderAsk}
            days={(a) => latestDays(a, zone, { time: "time", value: "value", where: { series: 0 } })}
            select={(d) => ({ bucket: d.time, series: 0 })}
            behindTitle={(day) => t("overview.behindOrders", { day, event })}
            foot={
              <>
                <span className="ellipsis" title={order.event}>
                  {order.pending
                    ? "…"
                    : t(order.chosen ? "overview.orderIs" : "overview.orderGuess", { event })}
                </span>
                {order.may && !order.pending && <OrderChoice order={order} />}
              </>
            }
          />
          <FigureCard
            title={t("overview.revenue")}
            help={t("overview.revenueHelp", { event, property: order.amount || "–" })}
            query={orders}
            ask={orderAsk}
            none={!order.pending && order.amount === "" ? t("overview.revenueNone") : undefined}
            money={currency}
            days={(a) => latestDays(a, zone, { time: "time", value: "value", where: { series: 1 } })}
            select={(d) => ({ bucket: d.time, series: 1 })}
            behindTitle={(day) => t("overview.behindOrders", { day, event })}
            foot={
              order.amount && (
                <span className="ellipsis" title={order.amount}>
                  {t("overview.amountIs", { property: order.amount })}
                </span>
              )
            }
          />
        </>
      )}
      <FigureCard
        title={t("overview.newPeople")}
        help={t("overview.newPeopleHelp", { n: newAfterDays })}
        query={fresh}
        ask={newAsk}
        days={(a) => latestDays(a, zone, { time: "cohort", value: "size", where: { period: 0 } })}
        select={(d) => ({ cohort: d.time })}
        behindTitle={(day) => t("overview.behindNew", { day })}
        foot={<span>{t("overview.newPeopleFoot")}</span>}
      />
      <FigureCard
        title={t("overview.activePeople")}
        help={t("overview.activeHelp")}
        query={active}
        ask={activeAsk}
        days={(a) => latestDays(a, zone, { time: "time", value: "value", where: { series: 1 } })}
        select={(d) => ({ bucket: d.time, series: 1 })}
        behindTitle={(day) => t("overview.behindEvents", { day })}
        foot={<span>{t("overview.activeFoot")}</span>}
      />
    </section>
  );
}

interface OrderEvent {
  event: string;
  amount: string;
  /** Chosen in the settings, not guessed. */
  chosen: boolean;
  pending: boolean;
  may: boolean;
}

function useOrderEvent(): OrderEvent {
  const organisation = useSession()?.organisation;
  const may = useMay("settings:write");
  const chosen = organisation?.order_event ?? "";
  const events = useQuery({ ...catalogueAllEventsQuery, enabled: chosen === "" });
  const event = chosen || guessOrderEvent(events.data?.items ?? []);
  const properties = useQuery({
    ...cataloguePropertiesQuery(event),
    enabled: chosen === "" && event !== "",
  });
  const amount = chosen ? (organisation?.order_amount ?? "") : guessAmount(properties.data?.items ?? []);
  const pending =
    chosen === "" && (events.isPending || (event !== "" && properties.isPending)) && !events.error;
  return { event, amount, chosen: chosen !== "", pending, may };
}

/** Which event is a sale, and which of its properties the money. */
function OrderChoice({ order }: { order: OrderEvent }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <Popover
      trigger="click"
      placement="bottomLeft"
      open={open}
      onOpenChange={setOpen}
      destroyOnHidden
      content={<OrderForm order={order} onDone={() => setOpen(false)} />}
    >
      <Button
        size="small"
        type={order.event ? "text" : "default"}
        className={order.event ? "figure-choose" : ""}
      >
        {t(order.event ? "overview.orderChange" : "overview.orderChoose")}
      </Button>
    </Popover>
  );
}

function OrderForm({ order, onDone }: { order: OrderEvent; onDone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  const names = useNames();
  const labels = useLabels();
  const [event, setEvent] = useState(order.event);
  const [amount, setAmount] = useState<string | null>(order.amount || null);
  const properties = useQuery(cataloguePropertiesQuery(event)).data?.items.filter(isNumeric);
  const save = useWrite({
    mutationFn: () =>
      data(
        api.PATCH("/api/v1/settings", {
          body: { organisation: { order_event: event, order_amount: amount ?? "" } },
        }),
      ),
    onSuccess: async () => {
      onDone();
      message.success(t("state.saved"));
      await Promise.all([
        client.invalidateQueries({ queryKey: ["settings"] }),
        client.invalidateQueries({ queryKey: ["session"] }),
      ]);
    },
  });
  return (
    <Form layout="vertical" className="order-form" onFinish={() => save.mutate()}>
      <Form.Item label={t("overview.orderEvent")} extra={t("overview.orderEventHint")}>
        <EventPicker
          value={event}
          label={t("overview.orderEvent")}
          onChange={(e) => {
            setEvent(e);
            setAmount(null);
          }}
        />
      </Form.Item>
      <Form.Item label={t("overview.orderAmount")} extra={t("overview.orderAmountHint")}>
        <Select
          aria-label={t("overview.orderAmount")}
          allowClear
          showSearch={{ filterOption: (text, option) => isFound(text, option) }}
          value={amount}
          placeholder={t("overview.orderAmountNone")}
          disabled={event === ""}
          onChange={(v?: string) => setAmount(v ?? null)}
          options={choicesOf(
            names,
            "property",
            properties ?? [],
            (p) => p.property,
            amount ? [amount] : [],
            labels.property,
          )}
          optionRender={(o) => <ChoiceRow label={o.data.label} raw={o.data.raw} />}
          notFoundContent={<span className="muted">{t("overview.orderAmountEmpty")}</span>}
        />
      </Form.Item>
      <Button type="primary" htmlType="submit" loading={save.isPending} disabled={event === ""}>
        {t("action.save")}
      </Button>
    </Form>
  );
}

function FigureCard(props: {
  title: string;
  help: string;
  query: UseQueryResult<QueryResult>;
  ask: Query;
  days: (answer: QueryResult) => Day[];
  select: (d: Day) => { bucket: string; series: number } | { cohort: string };
  behindTitle: (day: string) => string;
  /** The currency, for money. */
  money?: string;
  /** Why there can be no figure. */
  none?: string | undefined;
  foot?: React.ReactNode;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const behind = usePeopleBehind();
  const { data: answer, error } = props.query;
  const days = answer && !props.none ? props.days(answer) : undefined;
  const exact = (n: number | undefined) => (props.money ? format.money(n, props.money) : format.num(n));
  const short = (n: number | undefined) =>
    props.money ? format.money(n, props.money, true) : format.compact(n);
  const open = (d: Day | undefined) => {
    if (d)
      behind({
        title: props.behindTitle(format.day(d.time)),
        query: props.ask,
        select: props.select(d),
      });
  };
  const today = days?.at(-1);
  const yesterday = days?.at(-2);
  const change = days ? changeOverWeek(days.map((d) => d.value)) : null;
  return (
    <div className="card figure" aria-busy={!days && !error && !props.none}>
      <h2>
        <Tooltip title={props.help}>
          <span>{props.title}</span>
        </Tooltip>
      </h2>
      {props.none ? (
        <p className="figure-none muted">{props.none}</p>
      ) : error && !days ? (
        <p className="figure-none">
          <span className="figure-error">{errorText(error)}</span>{" "}
          <Button size="small" onClick={() => void props.query.refetch()}>
            {t("action.retry")}
          </Button>
        </p>
      ) : !days ? (
        <>
          <p className="figure-today">
            <span className="bone" style={{ width: 88, height: 24 }} />
          </p>
          <p className="figure-before">
            <span className="bone" style={{ width: 144, height: 12 }} />
          </p>
          <div className="figure-bars" />
        </>
      ) : (
        <>
          <p className="figure-today">
            <button type="button" className="door" title={exact(today?.value)} onClick={() => open(today)}>
              {short(today?.value)}
            </button>
            <small>{t("overview.today")}</small>
          </p>
          <p className="figure-before muted">
            <button
              type="button"
              className="door"
              title={exact(yesterday?.value)}
              onClick={() => open(yesterday)}
            >
              {t("overview.yesterdayWas", { n: short(yesterday?.value) })}
            </button>
            {change !== null && (
              <span data-change={change > 0 ? "up" : change < 0 ? "down" : undefined}>
                {t("overview.overWeek", { change: format.change(change) })}
              </span>
            )}
          </p>
          <Bars label={props.title} days={days} value={exact} onOpen={open} />
        </>
      )}
      <div className="figure-foot">{props.foot}</div>
    </div>
  );
}

/** Two weeks of days, each a button to the people behind it. */
function Bars(props: {
  label: string;
  days: readonly Day[];
  value: (n: number) => string;
  onOpen: (d: Day) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const most = Math.max(...props.days.map((d) => d.value), 0) || 1;
  return (
    <ol className="figure-bars" aria-label={t("overview.barsLabel", { what: props.label, n: barDays })}>
      {props.days.map((d, i) => {
        const text = `${format.day(d.time)}: ${props.value(d.value)}`;
        return (
          <li key={d.time}>
            <Tooltip title={text} mouseEnterDelay={0.05}>
              <button
                type="button"
                aria-label={text}
                tabIndex={i === props.days.length - 1 ? 0 : -1}
                data-today={i === props.days.length - 1 || undefined}
                onClick={() => props.onOpen(d)}
                onKeyDown={(e) => {
                  const step = e.key === "ArrowLeft" ? -1 : e.key === "ArrowRight" ? 1 : 0;
                  const all = e.currentTarget.closest("ol")?.querySelectorAll("button");
                  if (step !== 0) all?.[i + step]?.focus();
                }}
              >
                <i style={{ height: `${Math.max(0, (100 * d.value) / most).toFixed(1)}%` }} />
              </button>
            </Tooltip>
          </li>
        );
      })}
    </ol>
  );
}
