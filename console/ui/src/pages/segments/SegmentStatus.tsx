import { Tooltip } from "antd";
import { useTranslation } from "react-i18next";
import type { Segment } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { Pill } from "@/components/Pill";

/** Live, being built (how far), failed (why), or a fixed list. */
export function SegmentStatus({ segment }: { segment: Segment }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (segment.status === "failed")
    return (
      <Tooltip title={segment.failure}>
        <span>
          <Pill tone="bad" dot>
            {t("segments.status.failed")}
          </Pill>
        </span>
      </Tooltip>
    );
  if (segment.status === "building")
    return (
      <span className="building" role="status">
        <Pill tone="warn" dot>
          {t("segments.status.building", { percent: format.percent(segment.progress, 0) })}
        </Pill>
        <i aria-hidden="true">
          <b style={{ width: `${Math.round(segment.progress * 100)}%` }} />
        </i>
      </span>
    );
  if (segment.kind === "static") return <Pill>{t("segments.status.static")}</Pill>;
  return (
    <Pill tone="good" dot>
      {t("segments.status.live")}
    </Pill>
  );
}
