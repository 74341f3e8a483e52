import { Button, Input, Popover, Tooltip } from "antd";
import { Eye } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import type { Person } from "@/api/types";
import { useMay } from "@/app/session";
import { useWrite } from "@/lib/useWrite";
import type { Revealed } from "./revealed";

/**
 * Contacts are masked for whoever may not see all of them. Who may reveal those of one person does it here, with a
 * reason that the audit log keeps; what was revealed is gone with the page.
 */
export function Reveal(props: RevealProps) {
  const seesAll = useMay("people:contacts");
  if (seesAll) return null;
  return <RevealOne key={props.person.id} {...props} />;
}

interface RevealProps {
  person: Person;
  /** What was revealed: the page shows it in the place of what is masked. */
  shown: Revealed | undefined;
  onShown: (contacts: Revealed) => void;
}

function RevealOne({ person, shown, onShown }: RevealProps) {
  const { t } = useTranslation();
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
    onSuccess: (contacts) => {
      setAsking(false);
      onShown(contacts);
    },
  });
  if (shown) {
    const some = shown.identifiers.length + Object.keys(shown.traits).length;
    return (
      <p className="reveal muted" role="status">
        {t(some ? "people.reveal.noted" : "people.reveal.none")}
      </p>
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
