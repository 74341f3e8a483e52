import { readFileSync } from "node:fs";
import type { components } from "../src/api/schema";
import type { Permission } from "../src/api/types";

/** Who may what, from the server's own tables: a permission that is added there is known here. */
const source = readFileSync(new URL("../../../access/roles.go", import.meta.url), "utf8");

function table(name: string): Record<string, Permission[]> {
  const text = source.split(`const ${name} = \``)[1]?.split("`")[0] ?? "";
  const [head = "", ...rows] = text.trim().split("\n");
  const names = head.trim().split(/\s+/);
  return Object.fromEntries(
    names.map((n, i) => [
      n,
      rows
        .map((r) => r.trim().split(/\s+/))
        .filter((cells) => cells[i + 1] === "x")
        .map((cells) => cells[0] as Permission),
    ]),
  );
}
const roles = table("roleTable");
const scopes = table("scopeTable");

/** `MOCK_ROLE=consultant` shows the console as one. */
export const permissions = roles[process.env.MOCK_ROLE ?? "admin"] ?? [];

export const answerRoles = () =>
  ({
    permissions: (roles.admin ?? []).map((permission) => ({
      permission,
      feature: permission.split(":")[0] ?? "",
      allows: permission.replace(":", " "),
    })),
    roles: Object.entries(roles).map(([role, p]) => ({ role, permissions: p })),
    scopes: Object.entries(scopes).map(([scope, p]) => ({ scope, permissions: p })),
  }) as unknown as components["schemas"]["Roles"];
