import "./chart.css";

/** A streak: the shape of a series without axes. It starts at zero, so that heights can be compared. */
export function Sparkline(props: {
  values: readonly number[];
  width?: number;
  height?: number;
  label?: string;
  area?: boolean;
  fluid?: boolean;
}) {
  const { values, width = 96, height = 24 } = props;
  const { line, area } = sparkPath(values, width, height);
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: labelled or hidden below
    <svg
      className="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={props.fluid ? "100%" : width}
      height={height}
      preserveAspectRatio="none"
      {...(props.label ? { role: "img", "aria-label": props.label } : { "aria-hidden": true })}
    >
      {props.area !== false && <path className="area" d={area} />}
      <path d={line} />
    </svg>
  );
}

export function sparkPath(
  values: readonly number[],
  width: number,
  height: number,
): { line: string; area: string } {
  if (values.length === 0) return { line: "", area: "" };
  const pad = 1.5;
  const max = Math.max(...values, 0) || 1;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const y = (v: number) => (height - pad - (Math.max(v, 0) / max) * (height - 2 * pad)).toFixed(2);
  const points = values.map((v, i) => `${(i * step).toFixed(2)},${y(v)}`);
  // One value alone is a level, not a dot that nobody sees.
  if (values.length === 1) points.push(`${width},${y(values[0] as number)}`);
  const line = `M${points.join("L")}`;
  return { line, area: `${line}L${width},${height}L0,${height}Z` };
}
