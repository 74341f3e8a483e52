import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { CodeSnippet } from "@/components/CodeSnippet";
import { Num } from "@/components/Num";
import { countUpTo } from "./status";

/** A number of which the server counts the first ten thousand. */
export function UpTo({ value }: { value: number }) {
  const format = useFormat();
  const { t } = useTranslation();
  if (value >= countUpTo) return <span>{t("webhooks.orMore", { n: format.num(value) })}</span>;
  return value === 0 ? <span className="muted">0</span> : <Num value={value} />;
}

/** A new secret, which is shown this once. */
export function NewSecret({ secret }: { secret: string }) {
  const { t } = useTranslation();
  return (
    <section className="stack" data-testid="new-secret">
      <div>
        <h3 className="drawer-title">{t("webhooks.secret")}</h3>
        <p className="muted">{t("webhooks.secretOnce")}</p>
      </div>
      <CodeSnippet code={secret} />
    </section>
  );
}
