import { Link } from "@tanstack/react-router";
import { GitMerge, LogIn, LogOut, Split } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { LiveChange, LiveEvent } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { ChannelIcon } from "@/components/ChannelIcon";
import { PersonLink } from "@/components/PersonLink";
import { Pill } from "@/components/Pill";
import { PropertyPreview } from "@/components/Value";
import { identifiersOf } from "@/lib/identifiers";
import { useLabels } from "@/lib/labels";
import { useLiveList } from "@/lib/useLive";
import { useSources } from "@/lib/useSources";
import { liveName } from "@/pages/collect/rawEvent";

const shown = 10;

/** Events as they arrive; a click leads to who did it. */
export function Newest() {
  const { t } = useTranslation();
  const format = useFormat();
  const labels = useLabels();
  const sources = useSources();
  const { items } = useLiveList<LiveEvent>("/api/v1/live/events", (e) => e.message_id, { limit: shown });
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("overview.newest")}</h2>
        <Link to="/collect/debugger" className="card-link">
          {t("overview.debugger")}
        </Link>
      </div>
      <ul className="newest">
        {items.map((e) => {
          const [who] = identifiersOf(e);
          const row = (
            <>
              <time className="muted">{format.time(e.received_at)}</time>
              <ChannelIcon channel={sources.byId.get(e.source)?.kind ?? "server"} />
              <b className="trait ellipsis">{labels.event(liveName(e)) || t("collect.debugger.raw")}</b>
              {e.rejected ? (
                <span>
                  <Pill tone="bad">{t("collect.debugger.rejected")}</Pill>
                </span>
              ) : (
                <PropertyPreview properties={e.type === "identify" ? e.traits : e.properties} max={3} />
              )}
            </>
          );
          return (
            <li key={e.message_id}>
              {who && !e.rejected ? (
                <Link to="/people/$ref" params={{ ref: `${who.kind}:${who.value}` }}>
                  {row}
                </Link>
              ) : (
                <Link to="/collect/quarantine" search={{ source: e.source }}>
                  {row}
                </Link>
              )}
            </li>
          );
        })}
        {items.length === 0 && <li className="muted newest-none">{t("overview.newestEmpty")}</li>}
      </ul>
    </section>
  );
}

const changeIcons = {
  segment_entered: LogIn,
  segment_left: LogOut,
  persons_merged: GitMerge,
  person_split: Split,
};

export function NewestChanges() {
  const { t } = useTranslation();
  const format = useFormat();
  const { items } = useLiveList<LiveChange>(
    "/api/v1/live/changes",
    (c) => `${c.kind} ${c.time} ${c.person} ${c.segment?.id ?? ""} ${c.other ?? ""}`,
    { limit: shown },
  );
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("overview.changes")}</h2>
      </div>
      <ul className="newest">
        {items.map((c) => {
          const Icon = changeIcons[c.kind];
          return (
            <li key={`${c.kind} ${c.time} ${c.person} ${c.segment?.id ?? ""} ${c.other ?? ""}`}>
              <div>
                <time className="muted">{format.time(c.time)}</time>
                <Icon size={15} strokeWidth={1.6} aria-hidden="true" className="muted" />
                <PersonLink person={{ id: c.person, name: c.name }} />
                <span className="ellipsis change-text">
                  {t(`overview.change.${c.kind}`, { segment: c.segment?.name ?? "", other: c.other ?? "" })}
                </span>
              </div>
            </li>
          );
        })}
        {items.length === 0 && <li className="muted newest-none">{t("overview.changesEmpty")}</li>}
      </ul>
    </section>
  );
}
