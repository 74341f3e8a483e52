import { App, Button, Dropdown, Tooltip } from "antd";
import { Ellipsis } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Permission, Person } from "@/api/types";
import { useMay } from "@/app/session";
import { formatJson } from "@/lib/json";
import { useWrite } from "@/lib/useWrite";
import { useIntervention } from "./useIntervention";

const MergeDrawer = lazy(() => import("./MergeDrawer").then((m) => ({ default: m.MergeDrawer })));
const EraseDrawer = lazy(() => import("./EraseDrawer").then((m) => ({ default: m.EraseDrawer })));

function saveJson(name: string, value: unknown) {
  const url = URL.createObjectURL(new Blob([formatJson(value, 2)], { type: "application/json" }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

/** What can be done to a person. What the caller may not do is there, with the reason. */
export function PersonMenu({ person }: { person: Person }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [open, setOpen] = useState<"merge" | "erase">();
  const mayWrite = useMay("people:write");
  const mayReveal = useMay("people:reveal");
  const mayErase = useMay("people:erase");
  const path = { params: { path: { ref: person.id } } };
  const rebuild = useIntervention(
    () => data(api.POST("/api/v1/persons/{ref}/rebuild", path)),
    () => {
      message.success(t("people.menu.rebuilt"));
    },
  );
  const save = useWrite({
    mutationFn: () => data(api.GET("/api/v1/persons/{ref}/export", path)),
    onSuccess: (whole) => saveJson(`${person.id}.json`, whole),
  });
  const item = (
    key: "merge" | "rebuild" | "export" | "erase",
    may: boolean,
    needs: Permission,
    onClick: () => void,
    danger = false,
  ) => ({
    key,
    danger,
    disabled: !may,
    onClick,
    label: may ? (
      t(`people.menu.${key}`)
    ) : (
      <Tooltip title={t("people.menu.mayNot", { needs })} placement="left">
        <span>{t(`people.menu.${key}`)}</span>
      </Tooltip>
    ),
  });
  const close = () => setOpen(undefined);
  return (
    <>
      <Dropdown
        trigger={["click"]}
        placement="bottomRight"
        menu={{
          items: [
            item("merge", mayWrite, "people:write", () => setOpen("merge")),
            item("rebuild", mayWrite, "people:write", () => rebuild.mutate()),
            item("export", mayReveal, "people:reveal", () => save.mutate()),
            { type: "divider" },
            item("erase", mayErase, "people:erase", () => setOpen("erase"), true),
          ],
        }}
      >
        <Button
          icon={<Ellipsis size={16} />}
          aria-label={t("people.menu.title")}
          loading={rebuild.isPending || save.isPending}
        />
      </Dropdown>
      <Suspense>
        {open === "merge" && <MergeDrawer person={person} onClose={close} />}
        {open === "erase" && <EraseDrawer person={person} onClose={close} />}
      </Suspense>
    </>
  );
}
