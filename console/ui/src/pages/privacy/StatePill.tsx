import { useTranslation } from "react-i18next";
import { Pill, type Tone } from "@/components/Pill";
import type { PrivacyRequest } from "./queries";

const tones: Record<PrivacyRequest["state"], Tone> = {
  waiting: "plain",
  running: "gold",
  held: "warn",
  done: "good",
  nobody: "plain",
  failed: "bad",
  cancelled: "plain",
};

export function StatePill({ request }: { request: PrivacyRequest }) {
  const { t } = useTranslation();
  return (
    <Pill tone={tones[request.state]} dot>
      {t(`privacy.states.${request.state}`)}
    </Pill>
  );
}
