import { useTranslation } from "react-i18next";

const kinds = {
  "segment.export": "segmentExport",
  "activation.send": "activationSend",
  "quarantine.replay": "quarantineReplay",
  backup: "backup",
  "profiles.rebuild": "profilesRebuild",
  "identity.rerun": "identityRerun",
  "privacy.erase": "privacyErase",
  "privacy.access": "privacyAccess",
} as const;

/** What a kind of job is called; one that the console does not know goes by its own name. */
export function useKindName(): (kind: string) => string {
  const { t } = useTranslation();
  return (kind) => {
    const key = Object.entries(kinds).find(([k]) => k === kind)?.[1];
    return key ? t(`jobs.kinds.${key}`) : kind;
  };
}
