import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { Download, Printer } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/app/appearance";
import { Num } from "@/components/Num";
import { ExactTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { receiptQuery } from "./queries";

/** A receipt as people read and print it; the file is what is verified. */
export function ReceiptView({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(receiptQuery(id));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return null;
  const { receipt: r, signature } = query.data;
  return (
    <div className="stack drawer-stack privacy-receipt">
      <div className="row no-print">
        <Button
          type="primary"
          icon={<Download size={14} />}
          href={`/api/v1/privacy/receipts/${id}`}
          download={`${id}.json`}
        >
          {t("privacy.receipt.download")}
        </Button>
        <Button icon={<Printer size={14} />} onClick={() => window.print()}>
          {t("privacy.receipt.print")}
        </Button>
      </div>
      <h2>{t("privacy.receipt.heading")}</h2>
      <p>
        {t("privacy.receipt.says", {
          count: r.persons,
          n: format.num(r.persons),
          identifiers: format.num(r.tombstone.identifiers),
        })}
      </p>
      <dl className="pairs">
        <dt>{t("privacy.id")}</dt>
        <dd className="mono">{r.id}</dd>
        <dt>{t("privacy.request")}</dt>
        <dd className="mono">{r.request || t("privacy.receipt.single")}</dd>
        <dt>{t("privacy.askedAt")}</dt>
        <dd>
          <ExactTime at={r.asked_at} />
        </dd>
        <dt>{t("privacy.receipt.erased")}</dt>
        <dd>
          <ExactTime at={r.erased_at} />
        </dd>
        <dt>{t("privacy.receipt.issued")}</dt>
        <dd>
          <ExactTime at={r.issued_at} />
        </dd>
        <dt>{t("privacy.receipt.compaction")}</dt>
        <dd>{t(`privacy.receipt.compactions.${r.compaction.state}`)}</dd>
      </dl>
      <h3>{t("privacy.receipt.removed")}</h3>
      <table className="privacy-removed">
        <thead>
          <tr>
            <th>{t("privacy.receipt.place")}</th>
            <th className="num">{t("privacy.receipt.before")}</th>
            <th className="num">{t("privacy.receipt.after")}</th>
          </tr>
        </thead>
        <tbody>
          {r.removed.map((one) => (
            <tr key={one.place}>
              <td className="mono">{one.place}</td>
              <td className="num">
                <Num value={one.before} />
              </td>
              <td className="num">
                <Num value={one.after} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>{t("privacy.receipt.gone")}</h3>
      <dl className="pairs">
        {r.places.map((p) => (
          <div key={p.part} className="pair">
            <dt>{t(`privacy.places.${p.part}.name`, { defaultValue: p.part })}</dt>
            <dd>{t(`privacy.places.${p.part}.how`, { defaultValue: p.how })}</dd>
          </div>
        ))}
      </dl>
      <h3>{t("privacy.receipt.signature")}</h3>
      <p className="mono privacy-who">{signature}</p>
      <p className="muted">{t("privacy.receipt.verify")}</p>
      <pre className="privacy-who">
        touchstone receipt verify {id}.json --key {r.key}
      </pre>
    </div>
  );
}
