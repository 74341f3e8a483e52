import { expect, it } from "vitest";
import { differences } from "./versions";

it("tells in what a version differs from the one before", () => {
  const first = {
    name: "Orders",
    basis: "contract",
    classes: ["phone", "email"],
    recipients: [{ kind: "webhook", id: "wh_1", name: "CRM", country: "", safeguard: "" }],
    automated: false,
    risks: null,
    review_at: "",
    version: 1,
    changed_by: "ann",
  };
  expect(differences(undefined, first)).toEqual([
    { field: "name", from: [], to: ["Orders"] },
    { field: "basis", from: [], to: ["contract"] },
    { field: "classes", from: [], to: ["phone", "email"] },
    { field: "recipients", from: [], to: ["CRM"] },
  ]);
  expect(
    differences(first, { ...first, version: 2, changed_by: "bob", classes: ["email", "phone"] }),
  ).toEqual([]);
  expect(
    differences(first, {
      ...first,
      name: "Orders and service",
      classes: ["email", "vin"],
      recipients: [{ kind: "webhook", id: "wh_1", name: "CRM", country: "DE", safeguard: "contract" }],
      automated: true,
      risks: [{ risk: "Leak", likelihood: 1, severity: 3, measure: "", residual: 1 }],
    }),
  ).toEqual([
    { field: "name", from: ["Orders"], to: ["Orders and service"] },
    { field: "classes", from: ["phone"], to: ["vin"] },
    { field: "recipients", from: ["CRM"], to: ["CRM · DE · contract"] },
    { field: "automated", from: [], to: ["true"] },
    { field: "risks", from: [], to: ["Leak · 1 · 3 · 1"] },
  ]);
  expect(differences(first, { name: "Orders" }).map((d) => d.field)).toEqual([
    "basis",
    "classes",
    "recipients",
  ]);
});
