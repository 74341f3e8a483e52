import { Button, Input, Popover, Tooltip } from "antd";
import { Eye } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Person } from "@/api/types";
import { useMay } from "@/app/session";
import { CopyButton } from "@/components/CopyButton";
import { IdentifierChip } from "@/components/Pill";
import { formatJson } from "@/lib/json";
import { useLabels } from "@/lib/labels";
import { useWrite } from "@/lib/useWrite";

/**
 * Contacts are masked for whoever may not see all of them. Who may reveal those of one person does it here, with a
 * reason that the audit log keeps; what was revealed is gone with the page.
 */
export function Reveal({ person }: { person: Person }) {
  const seesAll = useMay("people:contacts");
  if (seesAll) return null;
  return <RevealOne key={person.id} person={person} />;
}

function RevealOne({ person }: { person: Person }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const may = useMay("people:reveal");
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const reveal = useWrite({
    mutationFn: () =>
      data(
        api.POST("/api/v1/persons/{ref}/reveal", {
          params: { path: { ref: person.id } },
          body: { reason: reason.trim() },
        }),
      ),
    onSuccess: () => setAsking(false),
  });
  const shown = reveal.data;
  if (shown) {
    const traits = Object.entries(shown.traits);
    return (
      <div className="reveal" data-revealed>
        <ul className="aside-list" aria-label={t("people.reveal.shown")}>
          {shown.identifiers.map((i) => (
            <li key={i.kind + i.value}>
              <IdentifierChip kind={i.kind} value={i.value} label={labels.identifierKind(i.kind)} />
              <CopyButton text={i.value} />
            </li>
          ))}
          {traits.map(([name, value]) => (
            <li key={name}>
              <IdentifierChip
                kind={name}
                value={typeof value === "string" ? value : formatJson(value)}
                label={name}
              />
            </li>
          ))}
        </ul>
        <p className="muted">
          {t(shown.identifiers.length + traits.length ? "people.reveal.noted" : "people.reveal.none")}
        </p>
      </div>
    );
  }
  if (!may) {
    return (
      <div className="reveal">
        <Tooltip title={t("people.reveal.mayNot")}>
          <Button size="small" icon={<Eye size={14} />} disabled>
            {t("people.reveal.action")}
          </Button>
        </Tooltip>
      </div>
    );
  }
  return (
    <div className="reveal">
      <Popover
        open={asking}
        onOpenChange={setAsking}
        trigger="click"
        placement="bottomLeft"
        content={
          <form
            className="stack reveal-form"
            onSubmit={(e) => {
              e.preventDefault();
              reveal.mutate();
            }}
          >
            <label htmlFor="reveal-reason">{t("people.reveal.reason")}</label>
            <Input
              id="reveal-reason"
              autoFocus
              maxLength={500}
              value={reason}
              onChange={(e) => setReason(e.target.value)}
              placeholder={t("people.reveal.placeholder")}
            />
            <Button
              type="primary"
              htmlType="submit"
              loading={reveal.isPending}
              disabled={reason.trim() === ""}
            >
              {t("people.reveal.action")}
            </Button>
          </form>
        }
      >
        <Button size="small" icon={<Eye size={14} />}>
          {t("people.reveal.action")}
        </Button>
      </Popover>
    </div>
  );
}
