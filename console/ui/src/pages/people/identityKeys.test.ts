import { expect, test } from "vitest";
import { matches, nextBox } from "./identityKeys";

// Two columns of three.
const boxes = [0, 1].flatMap((c) => [0, 1, 2].map((r) => ({ id: `${c}${r}`, x: c * 200, y: r * 60 })));

test("arrows lead to the nearest box that way, and stay at the edge", () => {
  expect(nextBox(boxes, undefined, "down")).toBe("00");
  expect(nextBox(boxes, "00", "down")).toBe("01");
  expect(nextBox(boxes, "01", "right")).toBe("11");
  expect(nextBox(boxes, "11", "left")).toBe("01");
  expect(nextBox(boxes, "12", "down")).toBe("12");
  expect(nextBox(boxes, "gone", "up")).toBe("00");
});

test("every box is reached by arrows", () => {
  const seen = new Set<string>();
  const visit = (id: string | undefined) => {
    if (!id || seen.has(id)) return;
    seen.add(id);
    for (const way of ["left", "right", "up", "down"] as const) visit(nextBox(boxes, id, way));
  };
  visit("00");
  expect(seen.size).toBe(boxes.length);
});

test("a search finds a part of a value or a kind", () => {
  const n = { kind: "device_id", value: "Kiosk-7" };
  expect(["kiosk", "DEVICE", "-7"].every((s) => matches(n, s))).toBe(true);
  expect(matches(n, " ")).toBe(false);
  expect(matches(n, "phone")).toBe(false);
});
