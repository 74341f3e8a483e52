import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Checkbox, Form, Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { catalogueEntriesQuery } from "@/api/queries";
import type { CatalogueEntry, CatalogueEntryChange } from "@/api/types";
import { useMay } from "@/app/session";
import { DetailDrawer } from "@/components/DetailDrawer";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { Uses } from "@/components/Uses";
import { useTouched, useUnsaved } from "@/lib/useUnsaved";
import { useWrite } from "@/lib/useWrite";
import { classes } from "./search";
import { useEvidence } from "./useEvidence";

type Sort = CatalogueEntry["sort"];

/** How an event, a property or a trait is called, whose it is, and what personal data it holds. `of` is "trait:level". */
export function EntryDrawer({ of, onClose }: { of: string | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const query = useQuery({ ...catalogueEntriesQuery, enabled: of !== undefined });
  const sort = sortOf(of);
  const name = of?.slice(of.indexOf(":") + 1) ?? "";
  const entry = query.data?.items.find((e) => e.sort === sort && e.name === name);
  return (
    <DetailDrawer open={of !== undefined && sort !== undefined} onClose={onClose} title={name} width={480}>
      {query.error && !query.data ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        sort &&
        query.data && (
          <div className="stack drawer-stack">
            <EntryForm key={of} sort={sort} name={name} entry={entry} onDone={onClose} />
            <section>
              <h3 className="drawer-title">{t("lineage.title")}</h3>
              <Uses asked={{ sort, name }} />
            </section>
          </div>
        )
      )}
    </DetailDrawer>
  );
}

function sortOf(of: string | undefined): Sort | undefined {
  const sort = of?.slice(0, of.indexOf(":"));
  return sort === "event" || sort === "property" || sort === "trait" ? sort : undefined;
}

function EntryForm(props: {
  sort: Sort;
  name: string;
  entry: CatalogueEntry | undefined;
  onDone: () => void;
}) {
  const { sort, name, entry } = props;
  const { t } = useTranslation();
  const client = useQueryClient();
  const may = useMay("catalogue:write");
  const seesContacts = useMay("people:contacts");
  const evidence = useEvidence();
  const { touched, touch, settle } = useTouched();
  const leave = useUnsaved(touched);
  const save = useWrite({
    mutationFn: (body: CatalogueEntryChange) =>
      data(api.PUT("/api/v1/catalogue/entries/{sort}/{name}", { params: { path: { sort, name } }, body })),
    onSuccess: async () => {
      settle();
      leave();
      await client.invalidateQueries({ queryKey: ["catalogue"] });
      props.onDone();
    },
  });
  const found = entry && { ...entry, class: entry.found[0]?.class ?? "", class_by: "values" as const };
  return (
    <Form<CatalogueEntryChange>
      layout="vertical"
      requiredMark={false}
      disabled={!may}
      initialValues={{
        name_zh: entry?.name_zh ?? "",
        name_en: entry?.name_en ?? "",
        description: entry?.description ?? "",
        owner: entry?.owner ?? "",
        unit: entry?.unit ?? "",
        starred: entry?.starred ?? false,
        hidden: entry?.hidden ?? false,
        class: entry?.class_by_hand ?? "",
      }}
      onFinish={(values) => {
        const { class: said, ...rest } = values;
        const same = said === undefined || said === (entry?.class_by_hand ?? "");
        save.mutate(same ? rest : { ...rest, class: said });
      }}
      onValuesChange={touch}
    >
      <Form.Item name="name_zh" label={t("collect.catalogue.nameZh")}>
        <Input maxLength={80} />
      </Form.Item>
      <Form.Item name="name_en" label={t("collect.catalogue.nameEn")}>
        <Input maxLength={80} />
      </Form.Item>
      <Form.Item name="description" label={t("collect.catalogue.description")}>
        <Input.TextArea maxLength={1000} autoSize={{ minRows: 2, maxRows: 8 }} />
      </Form.Item>
      <Form.Item name="owner" label={t("collect.catalogue.owner")}>
        <Input maxLength={120} />
      </Form.Item>
      {sort !== "event" && (
        <>
          <Form.Item name="unit" label={t("collect.catalogue.unit")}>
            <Input maxLength={40} />
          </Form.Item>
          <Form.Item
            name="class"
            label={t("collect.catalogue.class")}
            extra={
              <>
                {found?.class && <p>{evidence(found)}</p>}
                <p>{t(seesContacts ? "collect.catalogue.classHelp" : "collect.catalogue.classClosed")}</p>
              </>
            }
          >
            <Select
              disabled={!may || !seesContacts}
              options={[
                { value: "", label: t("collect.catalogue.classes.auto") },
                ...classes.map((c) => ({ value: c as string, label: t(`collect.catalogue.classes.${c}`) })),
                { value: "none", label: t("collect.catalogue.classes.none") },
              ]}
            />
          </Form.Item>
        </>
      )}
      <Form.Item name="starred" valuePropName="checked" noStyle>
        <Checkbox>{t("collect.catalogue.star")}</Checkbox>
      </Form.Item>
      <Form.Item name="hidden" valuePropName="checked">
        <Checkbox>{t("collect.catalogue.hide")}</Checkbox>
      </Form.Item>
      {may && (
        <div className="row">
          <Button type="primary" htmlType="submit" loading={save.isPending}>
            {t("action.save")}
          </Button>
          <Button onClick={props.onDone}>{t("action.cancel")}</Button>
        </div>
      )}
      {entry?.changed_at && (
        <p className="muted">
          {t("collect.catalogue.changedBy", { name: entry.changed_by })}{" "}
          <RelativeTime at={entry.changed_at} />
        </p>
      )}
    </Form>
  );
}
