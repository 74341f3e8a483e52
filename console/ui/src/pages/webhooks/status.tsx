import { useTranslation } from "react-i18next";
import type { Webhook } from "@/api/types";
import { Pill, type Tone } from "@/components/Pill";

export type WebhookStatus = "paused" | "failing" | "delivering" | "quiet";

/** What the webhook does at the moment, in a word. */
export function webhookStatus(w: Webhook): WebhookStatus {
  if (w.queue.paused) return "paused";
  if (w.queue.failures > 0) return "failing";
  return w.queue.delivered > 0 ? "delivering" : "quiet";
}

const tones: Record<WebhookStatus, Tone> = {
  paused: "warn",
  failing: "bad",
  delivering: "good",
  quiet: "plain",
};

export function StatusPill({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const status = webhookStatus(webhook);
  return (
    <Pill dot tone={tones[status]}>
      {t(`webhooks.status.${status}`)}
    </Pill>
  );
}

/** A count that stops at ten thousand. */
export const countUpTo = 10_000;
