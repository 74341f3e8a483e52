import { Tooltip } from "antd";
import type { ReactNode } from "react";
import { useFormat } from "@/app/appearance";

/** A number: tabular figures, by locale; `short` shows 1.2万 or 12K and the exact number on hover. */
export function Num({
  value,
  digits,
  short,
  unit,
}: {
  value: number | null | undefined;
  digits?: number;
  short?: boolean;
  unit?: ReactNode;
}) {
  const format = useFormat();
  const exact = format.num(value, digits);
  const shown = short ? format.compact(value) : exact;
  const body = (
    <span className="n">
      {shown}
      {unit && <small className="n-unit"> {unit}</small>}
    </span>
  );
  return shown === exact ? body : <Tooltip title={exact}>{body}</Tooltip>;
}
