import { useMatches, useRouter } from "@tanstack/react-router";
import { Alert } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { damagedParts } from "@/lib/search";
import { arrivedPath, arrivedSearch } from "./arrival";

type Read = (raw: Record<string, unknown>) => object;

/** A link that could be read only in part says so, above the page that it led to. */
export function LinkNotice() {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const router = useRouter();
  const matches = useMatches();
  const here = matches.at(-1)?.pathname;
  const [closed, setClosed] = useState(false);
  const [parts] = useState(() =>
    damagedParts(
      arrivedSearch,
      matches
        .map((m) => router.routesById[m.routeId].options.validateSearch as Read | undefined)
        .filter((read) => typeof read === "function"),
    ),
  );
  const same = (path: string | undefined) => path?.replace(/(?<=.)\/$/, "");
  if (parts.length === 0 || closed || same(here) !== same(decodeURI(arrivedPath))) return null;
  const name = (key: string) =>
    i18n.exists(`linkPart.${key}`) ? (t as (k: string) => string)(`linkPart.${key}`) : key;
  return (
    <Alert
      className="link-notice"
      type="warning"
      showIcon
      closable={{ onClose: () => setClosed(true) }}
      title={t("state.linkDamaged", { parts: format.list(parts.map(name)) })}
      data-testid="link-notice"
    />
  );
}
