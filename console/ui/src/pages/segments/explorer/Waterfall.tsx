import { Tooltip } from "antd";
import { useTranslation } from "react-i18next";
import type { AudienceCount, Rule } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { ruleAt } from "@/lib/rule";
import type { Told } from "./doors";

/** Which condition loses whom: each part of the rule, how many are left after it, and how many it alone keeps out. */
export function Waterfall(props: {
  rule: Rule;
  count: Pick<AudienceCount, "of" | "waterfall">;
  /** Opens the people behind a number. */
  onOpen?: (path: string, told: Told) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useRuleWords();
  const { of, waterfall } = props.count;
  const or = waterfall.mode === "or";
  const most = Math.max(1, or ? (waterfall.steps.at(-1)?.left ?? 0) : of);
  const width = (n: number) => `${(n / most) * 100}%`;
  const door = (n: number, shown: string, path: string, told: Told, label: string) =>
    props.onOpen && n > 0 ? (
      <button
        type="button"
        className="door num"
        aria-label={label}
        onClick={() => props.onOpen?.(path, told)}
      >
        {shown}
      </button>
    ) : (
      <span className="num muted">{shown}</span>
    );
  return (
    <table className="waterfall" data-testid="waterfall">
      <thead>
        <tr>
          <th scope="col">{t("explorer.waterfall.part")}</th>
          <th scope="col" className="num">
            {t(or ? "explorer.waterfall.gained" : "explorer.waterfall.lost")}
          </th>
          <th scope="col" className="num">
            {t(or ? "explorer.waterfall.total" : "explorer.waterfall.left")}
          </th>
          <th scope="col" className="num">
            <Tooltip title={t(or ? "explorer.waterfall.onlyOrHelp" : "explorer.waterfall.onlyHelp")}>
              <span className="helped">{t("explorer.waterfall.only")}</span>
            </Tooltip>
          </th>
        </tr>
      </thead>
      <tbody>
        {!or && (
          <tr>
            <th scope="row">
              <span className="waterfall-part">{t("explorer.waterfall.everybody")}</span>
              <span className="waterfall-bar" aria-hidden="true">
                <i style={{ width: "100%" }} data-kind="all" />
              </span>
            </th>
            <td className="num" />
            <td className="num">{format.num(of)}</td>
            <td className="num" />
          </tr>
        )}
        {waterfall.steps.map((s) => {
          const part = ruleAt(props.rule, s.path);
          const text = part ? words.rule(part) : s.path;
          const change = Math.abs(s.change);
          const before = or ? s.left - change : s.left + change;
          return (
            <tr key={s.path}>
              <th scope="row">
                <span className="waterfall-part" title={text}>
                  {text}
                </span>
                <span className="waterfall-bar" aria-hidden="true">
                  <i style={{ width: width(or ? before : s.left) }} data-kind={or ? "before" : undefined} />
                  <i style={{ width: width(change) }} data-kind={or ? "gained" : "lost"} />
                </span>
              </th>
              <td className="num">
                {door(
                  change,
                  change === 0 ? "0" : `${or ? "+" : "−"}${format.num(change)}`,
                  s.path,
                  "lost",
                  t(or ? "explorer.waterfall.openGained" : "explorer.waterfall.openLost", { what: text }),
                )}
              </td>
              <td className="num">
                <b>{format.num(s.left)}</b>
              </td>
              <td className="num">
                {door(
                  s.only,
                  format.num(s.only),
                  s.path,
                  "only",
                  t(or ? "explorer.waterfall.openOnlyOr" : "explorer.waterfall.openOnly", { what: text }),
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
