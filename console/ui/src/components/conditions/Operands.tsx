import { DatePicker, InputNumber, Select } from "antd";
import dayjs from "dayjs";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { placeOf } from "@/lib/rule";
import { dayOf, startOfDay } from "@/lib/zone";

interface Operand {
  value: unknown;
  onChange: (value: unknown) => void;
}

/** The beginning of a day in the console's time zone. */
export function MomentInput({ value, onChange }: Operand) {
  const { t } = useTranslation();
  const format = useFormat();
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return (
    <DatePicker
      size="small"
      aria-label={t("condition.value")}
      value={Number.isNaN(at) ? null : dayjs(dayOf(at, format.timeZone))}
      onChange={(d: dayjs.Dayjs | null) =>
        onChange(d ? startOfDay(d.format("YYYY-MM-DD"), format.timeZone).toISOString() : undefined)
      }
    />
  );
}

const sides = ["on", "until", "since"] as const;

/** Days before a day that comes every year, or after it. */
export function DaysInput({ value, onChange }: Operand) {
  const { t } = useTranslation();
  const days = typeof value === "number" ? value : 0;
  const side = days === 0 ? "on" : days > 0 ? "until" : "since";
  return (
    <>
      <Select
        className="pick"
        aria-label={t("condition.anniversary.when")}
        value={side}
        popupMatchSelectWidth={false}
        onChange={(s) => onChange(s === "on" ? 0 : (s === "until" ? 1 : -1) * (Math.abs(days) || 7))}
        options={sides.map((s) => ({ value: s, label: t(`condition.anniversary.${s}`) }))}
      />
      {side !== "on" && (
        <>
          <InputNumber
            className="rule-n"
            aria-label={t("condition.anniversary.days")}
            min={1}
            max={180}
            precision={0}
            value={Math.abs(days)}
            onChange={(n) => onChange(Math.sign(days) * (n ?? 1))}
          />
          <span className="muted">{t("condition.anniversary.unit", { count: Math.abs(days) })}</span>
        </>
      )}
    </>
  );
}

const bounds = { lat: [-90, 90], lng: [-180, 180], km: [0.001, 20_038] } as const;

/** A place, and how far from it. */
export function PlaceInput({ value, onChange }: Operand) {
  const { t } = useTranslation();
  const place = placeOf(value);
  const set = (part: keyof typeof bounds, n: number | null) => onChange({ ...place, [part]: n ?? undefined });
  return (
    <>
      {(["lat", "lng", "km"] as const).map((part) => (
        <InputNumber
          key={part}
          className="pick-coordinate"
          aria-label={t(`condition.place.${part}`)}
          placeholder={t(`condition.place.${part}`)}
          min={bounds[part][0]}
          max={bounds[part][1]}
          controls={false}
          value={place[part] ?? null}
          onChange={(n) => set(part, n)}
        />
      ))}
    </>
  );
}
