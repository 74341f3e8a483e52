import { Tooltip } from "antd";
import { useTranslation } from "react-i18next";
import { timeMarkOf } from "@/lib/timeMark";
import { Pill } from "./Pill";

/** Says that an event's time is not the one that was sent, and why; nothing for other events. */
export function TimeMarkPill({ context }: { context: Record<string, unknown> | null | undefined }) {
  const { t } = useTranslation();
  const mark = timeMarkOf(context);
  if (!mark) return null;
  return (
    <Tooltip title={<TimeMarkText context={context} />}>
      <span>
        <Pill tone="warn">{t("time.mark.short")}</Pill>
      </span>
    </Tooltip>
  );
}

/** The same in words. */
export function TimeMarkText({ context }: { context: Record<string, unknown> | null | undefined }) {
  const { t } = useTranslation();
  const mark = timeMarkOf(context);
  if (!mark) return null;
  const problem = t(`time.mark.${mark.problem}`, { given: mark.given });
  return <>{t("time.mark.both", { problem, source: t(`time.mark.${mark.source}`) })}</>;
}
