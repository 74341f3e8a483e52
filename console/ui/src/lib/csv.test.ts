import { expect, it } from "vitest";
import { csvTime, identifierColumns, parseTable, tableCsv, toCsv } from "./csv";

it("quotes what needs it and defuses formulas", () => {
  expect(
    toCsv(
      ["name", "n"],
      [
        ['a "b", c', 1],
        ["=1+1", null],
        ["多\n行", -5],
        [{ a: 1 }, true],
      ],
    ),
  ).toBe('name,n\r\n"a ""b"", c",1\r\n\'=1+1,\r\n"多\n行",-5\r\n"{""a"":1}",true');
});

it("writes times by the workspace's clocks", () => {
  expect(csvTime("2026-01-31T16:30:05.123Z", "Asia/Shanghai")).toBe("2026-02-01 00:30:05");
  expect(csvTime("2026-07-01T12:00:00Z", "America/New_York")).toBe("2026-07-01 08:00:00");
  expect(csvTime("2026-01-31T16:00:00Z", "Asia/Shanghai", "day")).toBe("2026-02-01");
  expect(csvTime(null, "Asia/Shanghai")).toBeNull();
  expect(csvTime("never", "Asia/Shanghai")).toBe("never");
});

it("gives each kind of identifier a column, under its name in the reader's language", () => {
  const people = [
    {
      identifiers: [
        { kind: "anonymous_id", value: "a-1" },
        { kind: "phone", value: "+8613800138000" },
        { kind: "phone", value: "+8613900139000" },
      ],
    },
    { identifiers: [{ kind: "vin", value: "LTS1" }] },
    { identifiers: [] },
  ];
  const words: Record<string, string> = { phone: "手机号", vin: "车架号", anonymous_id: "匿名 ID" };
  expect(
    tableCsv(
      identifierColumns(people, (kind) => words[kind] ?? kind),
      people,
    ),
  ).toBe("手机号,车架号,匿名 ID\r\n'+8613800138000; +8613900139000,,a-1\r\n,LTS1,\r\n,,");
});

it("reads tables as sheets save and copy them", () => {
  expect(parseTable('\uFEFFa,b\r\n1,"x, ""y""\nz"\r\n\r\n,2\n')).toEqual([
    ["a", "b"],
    ["1", 'x, "y"\nz'],
    ["", "2"],
  ]);
  expect(parseTable("事件\t说明\nPaid\t付款, 成功")).toEqual([
    ["事件", "说明"],
    ["Paid", "付款, 成功"],
  ]);
  expect(parseTable("a;b\n1,5;2")).toEqual([
    ["a", "b"],
    ["1,5", "2"],
  ]);
  expect(parseTable("")).toEqual([]);
  const rows = [
    ["a", 'q"', "x\ny"],
    ["1", ",", " b "],
  ];
  expect(parseTable(toCsv(rows[0] ?? [], rows.slice(1)))).toEqual(rows);
});
