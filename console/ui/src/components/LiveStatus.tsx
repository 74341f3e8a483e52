import { Button, Tooltip } from "antd";
import { Pause, Play } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { LiveState } from "@/lib/useLive";
import { Pill, type Tone } from "./Pill";

const tones: Record<LiveState, Tone> = {
  on: "good",
  connecting: "plain",
  paused: "plain",
  hidden: "plain",
  broken: "warn",
};

/** Whether a feed is running, in a word. */
export function LiveStatus({ state }: { state: LiveState }) {
  const { t } = useTranslation();
  const word = state === "hidden" ? t("live.paused") : t(`live.${state}`);
  const pill = (
    <Pill tone={tones[state]} dot>
      {word}
    </Pill>
  );
  return state === "hidden" ? <Tooltip title={t("live.hidden")}>{pill}</Tooltip> : pill;
}

export function PauseButton({ paused, onToggle }: { paused: boolean; onToggle: () => void }) {
  const { t } = useTranslation();
  return (
    <Button icon={paused ? <Play size={14} /> : <Pause size={14} />} onClick={onToggle} aria-pressed={paused}>
      {t(paused ? "live.resume" : "live.pause")}
    </Button>
  );
}
