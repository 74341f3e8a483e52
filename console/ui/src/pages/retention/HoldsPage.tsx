import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button } from "antd";
import { Plus, Scale } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { Num } from "@/components/Num";
import { PageHeader } from "@/components/PageHeader";
import { Pill, type Tone } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { HoldDetail } from "./HoldDetail";
import { NewHold } from "./NewHold";
import { type Hold, holdsQuery } from "./queries";

const route = getRouteApi("/shell/privacy/holds");
const tones: Record<Hold["state"], Tone> = { holding: "gold", ended: "plain", lifted: "plain" };

/** Whom nothing may be removed of, why and until when. */
export function HoldsPage() {
  const { t } = useTranslation();
  const { hold } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("holds:write");
  const query = useQuery(holdsQuery);
  const columns: Column<Hold>[] = [
    {
      key: "state",
      title: t("retention.hold.state"),
      width: 120,
      value: (h) => h.state,
      render: (h) => (
        <Pill tone={tones[h.state]} dot>
          {t(`retention.hold.states.${h.state}`)}
        </Pill>
      ),
    },
    { key: "reason", title: t("retention.hold.reason"), width: 320, value: (h) => h.reason || "–" },
    {
      key: "persons",
      title: t("retention.hold.persons"),
      width: 110,
      align: "right",
      value: (h) => h.persons,
      render: (h) => (h.segment ? <span>{t("retention.hold.segment")}</span> : <Num value={h.persons} />),
    },
    {
      key: "placed",
      title: t("retention.hold.placed"),
      width: 140,
      align: "right",
      value: (h) => h.placed_at,
      time: true,
      render: (h) => <RelativeTime at={h.placed_at} />,
    },
    {
      key: "until",
      title: t("retention.hold.until"),
      width: 140,
      align: "right",
      value: (h) => h.until ?? "",
      time: true,
      render: (h) =>
        h.until ? (
          <RelativeTime at={h.until} />
        ) : (
          <span className="muted">{t("retention.hold.forever")}</span>
        ),
    },
  ];
  const make = may && (
    <Button type="primary" icon={<Plus size={16} />} onClick={() => setSearch({ hold: "new" }, "push")}>
      {t("retention.hold.create")}
    </Button>
  );
  const close = () => setSearch({ hold: undefined });
  return (
    <div className="page">
      <PageHeader title={t("retention.hold.title")} about={t("retention.hold.about")} actions={make} />
      <DataTable
        id="holds"
        label={t("retention.hold.title")}
        columns={columns}
        rows={query.data?.items}
        rowKey={(h) => h.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        onOpen={(h) => setSearch({ hold: h.id }, "push")}
        openKey={hold}
        empty={
          <EmptyState
            icon={<Scale />}
            title={t("retention.hold.empty")}
            hint={t("retention.hold.emptyHint")}
            action={make}
          />
        }
      />
      <DetailDrawer
        open={hold !== undefined}
        onClose={close}
        width={hold === "new" ? 480 : 640}
        title={hold === "new" ? t("retention.hold.create") : t("retention.hold.one")}
      >
        {hold === "new" ? <NewHold onDone={close} /> : hold && <HoldDetail id={hold} />}
      </DetailDrawer>
    </div>
  );
}
