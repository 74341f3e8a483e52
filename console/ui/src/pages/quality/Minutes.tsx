import { useTranslation } from "react-i18next";
import type { QualityScore } from "@/api/types";
import { useFormat } from "@/app/appearance";
import { tone } from "./score";

/** The score by minute, oldest first. A minute whose refused events have come in since is marked. */
export function Minutes({ scores }: { scores: readonly QualityScore[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const mended = scores.reduce((n, s) => n + s.mended, 0);
  const waiting = scores.reduce((n, s) => n + s.refused - s.mended, 0);
  const say = (s: QualityScore) =>
    [
      `${format.time(s.start)}: ${format.num(s.score, 1)}`,
      s.refused > s.mended && t("quality.minuteRefused", { n: format.num(s.refused - s.mended) }),
      s.mended > 0 && t("quality.minuteMended", { n: format.num(s.mended) }),
    ]
      .filter(Boolean)
      .join(" · ");
  return (
    <section className="stack" data-testid="quality-minutes">
      <h3>{t("quality.byMinute")}</h3>
      <ol className="quality-minutes">
        {scores.map((s) => (
          <li key={s.start} title={say(s)} data-mended={s.mended > 0}>
            <span
              data-tone={tone(s.score / 100)}
              style={{ blockSize: `${Math.max(4, s.score)}%` }}
              aria-hidden="true"
            />
            <span className="visually-hidden">{say(s)}</span>
          </li>
        ))}
      </ol>
      {waiting > 0 && (
        <p className="muted">{t("quality.waiting", { count: waiting, n: format.num(waiting) })}</p>
      )}
      {mended > 0 && (
        <p className="quality-mended">{t("quality.mended", { count: mended, n: format.num(mended) })}</p>
      )}
    </section>
  );
}
