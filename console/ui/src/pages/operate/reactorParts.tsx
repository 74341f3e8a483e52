import { useTranslation } from "react-i18next";
import type { Reactor } from "@/api/types";
import { Pill, type Tone } from "@/components/Pill";

const tones: Record<Reactor["state"], Tone> = {
  idle: "good",
  working: "plain",
  failing: "bad",
  stopped: "bad",
  gone: "warn",
};

/** Known reactors have a name in the reader's language; others are shown as they are. */
export function useReactorName(): (name: string) => string {
  const { t, i18n } = useTranslation();
  return (name) => {
    const key = `operate.reactors.names.${name}`;
    return i18n.exists(key) ? (t as (k: string) => string)(key) : name;
  };
}

export function ReactorState({ reactor }: { reactor: Reactor }) {
  const { t } = useTranslation();
  return <Pill tone={tones[reactor.state]}>{t(`operate.reactors.state.${reactor.state}`)}</Pill>;
}
