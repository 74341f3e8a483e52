import { expect, it } from "vitest";
import { guessAmount, guessOrderEvent, latestDays, newPeopleQuestion, orderQuestion } from "./orders";

const now = Date.parse("2026-01-31T16:30:00Z"); // 1 February in Shanghai
const track = (...names: string[]) => names.map((event) => ({ event, type: "track" as const }));

it.each([
  [["Model Viewed", "Order Completed", "Purchase"], "Order Completed"],
  [["order_completed"], "order_completed"],
  [["浏览商品", "下单", "支付成功"], "支付成功"],
  [["加入购物车", "提交订单"], "提交订单"],
  [["view", "addtocart", "transaction"], "transaction"],
  [["Product Purchased"], "Product Purchased"],
  [["Order Cancelled", "Order Completed Page"], ""],
  [[], ""],
])("finds the sale among %j", (names, expected) => {
  expect(guessOrderEvent(track(...names))).toBe(expected);
});

it("takes no page for a sale", () => {
  expect(guessOrderEvent([{ event: "purchase", type: "page" }])).toBe("");
});

it("finds the money, which is a number", () => {
  const properties: { property: string; types: Record<string, number> }[] = [
    { property: "price", types: { number: 10 } },
    { property: "total", types: { string: 9, number: 1 } },
    { property: "pay_amount", types: { number: 9, string: 1 } },
  ];
  expect(guessAmount(properties)).toBe("pay_amount");
  expect(guessAmount([{ property: "订单金额", types: { number: 1 } }])).toBe("订单金额");
  expect(guessAmount([{ property: "amount", types: { string: 3 } }])).toBe("");
});

it("asks for the money only where its property is known", () => {
  expect(orderQuestion("UTC", "buy", "", now).series).toHaveLength(1);
  expect(orderQuestion("UTC", "buy", "total", now).series[1]).toEqual({
    event: "buy",
    measure: "sum",
    property: "total",
  });
});

it("looks back a year before the first day that is shown", () => {
  const q = newPeopleQuestion("Asia/Shanghai", now);
  expect(q.from).toBe("2025-01-18T16:00:00.000Z");
  expect(q.to).toBe("2026-02-01T16:00:00.000Z");
});

it("gives fourteen days, without rows zero, of the rows that are meant", () => {
  const days = latestDays(
    {
      columns: [{ name: "cohort" }, { name: "size" }, { name: "period" }],
      rows: [
        ["2026-01-31T16:00:00Z", 5, 0],
        ["2026-01-30T16:00:00Z", 9, 0],
        ["2026-01-30T16:00:00Z", 3, 1],
        ["2025-06-30T16:00:00Z", 99, 0],
      ],
    },
    "Asia/Shanghai",
    { time: "cohort", value: "size", where: { period: 0 } },
    now,
  );
  expect(days.map((d) => d.value)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 5]);
  expect(days.at(-1)?.time).toBe("2026-01-31T16:00:00Z");
  expect(days[0]?.time).toBe("2026-01-18T16:00:00.000Z");
});
