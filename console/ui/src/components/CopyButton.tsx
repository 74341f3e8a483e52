import { Tooltip } from "antd";
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import "./copy.css";

export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Over plain HTTP on a company's network there is no clipboard API.
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const title = done ? t("action.copied") : (label ?? t("action.copy"));
  return (
    <Tooltip title={title}>
      <button
        type="button"
        className="icon-button copy"
        aria-label={title}
        onClick={(e) => {
          e.stopPropagation();
          void copyText(text).then(() => setDone(true));
        }}
      >
        {done ? <Check /> : <Copy />}
      </button>
    </Tooltip>
  );
}
