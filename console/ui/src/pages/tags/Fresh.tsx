import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { useSources } from "@/lib/useSources";
import type { Tag } from "./queries";

/** Where a tag stands: a draft, being built, in use; a draft that waits beside it. */
export function State({ tag }: { tag: Tag }) {
  const { t } = useTranslation();
  if (tag.approved === 0) return <Pill tone="warn">{t("tags.states.draft")}</Pill>;
  if (tag.approved !== tag.serving)
    return (
      <Pill tone={tag.failure ? "bad" : "gold"}>
        {t(tag.failure ? "tags.states.failed" : "tags.states.building")}
      </Pill>
    );
  if (tag.draft > 0) return <Pill tone="warn">{t("tags.states.waits")}</Pill>;
  return <Pill tone="good">{t("tags.states.serving", { version: tag.serving })}</Pill>;
}

/** How old its values are, and whether that is too old. */
export function Fresh({ tag }: { tag: Tag }) {
  const { t } = useTranslation();
  const f = tag.freshness;
  if (f.as_of === null) return <span className="muted">–</span>;
  if (f.cause)
    return (
      <Pill tone="bad" dot>
        {t(`tags.causes.${f.cause}`)}
      </Pill>
    );
  if (f.age_seconds < 1) return <span>{t("tags.live")}</span>;
  return <RelativeTime at={f.as_of} />;
}

/** The contract in a sentence: what is allowed, what is, and why. */
export function Contract({ tag }: { tag: Tag }) {
  const { t } = useTranslation();
  const format = useFormat();
  const sources = useSources();
  const f = tag.freshness;
  return (
    <div className="stack">
      <p>
        {f.max_age_minutes > 0
          ? t("tags.allowed", { n: format.num(f.max_age_minutes), count: f.max_age_minutes })
          : t("tags.anyAge")}{" "}
        {f.as_of && f.age_seconds < 1 && t("tags.liveNow")}
      </p>
      {f.cause && (
        <p role="alert">
          <Pill tone="bad" dot>
            {t("tags.tooOld")}
          </Pill>{" "}
          {t(`tags.why.${f.cause}`, { source: sources.nameOf(f.source) })} <RelativeTime at={f.since} />
        </p>
      )}
      {tag.failure && <p className="muted">{tag.failure}</p>}
    </div>
  );
}
