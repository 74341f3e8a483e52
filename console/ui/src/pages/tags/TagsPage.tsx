import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Button } from "antd";
import { Plus, Tags } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/app/session";
import { type Column, DataTable } from "@/components/DataTable";
import { DetailDrawer } from "@/components/DetailDrawer";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState } from "@/components/states";
import { useSetSearch } from "@/lib/useSetSearch";
import { Fresh, State } from "./Fresh";
import { type Tag, tagsQuery } from "./queries";
import { TagDetail } from "./TagDetail";
import { EditTag, NewTag } from "./TagForm";

const route = getRouteApi("/shell/tags");

/** Facts about people that were computed: by what, how fresh, and who answers for them. */
export function TagsPage() {
  const { t } = useTranslation();
  const { tag, edit } = route.useSearch();
  const setSearch = useSetSearch();
  const may = useMay("tags:write");
  const query = useQuery(tagsQuery);
  const columns: Column<Tag>[] = [
    { key: "name", title: t("tags.name"), width: 220, value: (x) => x.name },
    {
      key: "fresh",
      title: t("tags.fresh"),
      width: 130,
      value: (x) => x.freshness.age_seconds,
      render: (x) => <Fresh tag={x} />,
    },
    {
      key: "state",
      title: t("tags.state"),
      width: 130,
      value: (x) => x.serving,
      render: (x) => <State tag={x} />,
    },
    {
      key: "kind",
      title: t("tags.kind"),
      width: 110,
      value: (x) => x.kind,
      render: (x) => t(`tags.kinds.${x.kind}`),
    },
    {
      key: "key",
      title: t("tags.trait"),
      width: 180,
      value: (x) => `tag.${x.key}`,
      render: (x) => <code>tag.{x.key}</code>,
    },
    { key: "folder", title: t("tags.folder"), width: 130, value: (x) => x.folder },
    { key: "owner", title: t("tags.owner"), width: 130, value: (x) => x.owner },
  ];
  const make = may && (
    <Button type="primary" icon={<Plus size={16} />} onClick={() => setSearch({ tag: "new" }, "push")}>
      {t("tags.create")}
    </Button>
  );
  const close = () => setSearch({ tag: undefined, edit: undefined });
  const open = query.data?.items.find((x) => x.id === tag);
  return (
    <div className="page">
      <PageHeader title={t("tags.title")} about={t("tags.about")} actions={make} />
      <DataTable
        id="tags"
        label={t("tags.title")}
        columns={columns}
        rows={query.data?.items}
        rowKey={(x) => x.id}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        onOpen={(x) => setSearch({ tag: x.id }, "push")}
        openKey={tag}
        empty={
          <EmptyState icon={<Tags />} title={t("tags.empty")} hint={t("tags.emptyHint")} action={make} />
        }
      />
      <DetailDrawer
        open={tag !== undefined}
        onClose={close}
        width={tag === "new" || edit ? 560 : 720}
        title={tag === "new" ? t("tags.create") : (open?.name ?? t("tags.one"))}
      >
        {tag === "new" ? (
          <NewTag onDone={(id) => setSearch({ tag: id })} />
        ) : edit && open ? (
          <EditTag key={open.id} tag={open} onDone={() => setSearch({ edit: undefined })} />
        ) : (
          tag && <TagDetail key={tag} id={tag} onEdit={() => setSearch({ edit: true }, "push")} />
        )}
      </DetailDrawer>
    </div>
  );
}
