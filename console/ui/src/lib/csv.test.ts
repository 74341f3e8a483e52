import { expect, it } from "vitest";
import { toCsv } from "./csv";

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
