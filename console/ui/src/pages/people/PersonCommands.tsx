import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { personCommandsQuery } from "@/api/queries";
import type { Person } from "@/api/types";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useUndo } from "./useUndo";

/** What can be taken back as if it had never been. */
const undoable = ["person.split", "person.merge"];

/** What operators did to a person, and what became of it. */
export function PersonCommands({ person }: { person: Person }) {
  const { t } = useTranslation();
  const mayAudit = useMay("audit:read");
  const mayWrite = useMay("people:write");
  const query = useQuery({ ...personCommandsQuery(person.id), enabled: mayAudit || mayWrite });
  const undo = useUndo();
  const items = query.data?.items ?? [];
  // What was taken back already has no button any more.
  const gone = new Set(
    items.filter((c) => c.kind === "person.undo" && c.state === "done").map((c) => c.body.command),
  );
  if (!mayAudit && !mayWrite) return null;
  const tone = { waiting: "warn", done: "good", failed: "bad" } as const;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t("people.command.title")}</h2>
      </div>
      {query.error && !query.data ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <ul className="aside-list" aria-busy={query.isPending} data-commands>
          {items.map((c) => (
            <li key={c.id}>
              <span>
                {t(`people.command.kind.${c.kind.replace(".", "_")}`, { defaultValue: c.kind })}{" "}
                <Pill tone={tone[c.state]}>{t(`people.command.state.${c.state}`)}</Pill>
                {c.failure && (
                  <>
                    <br />
                    <small className="muted">{c.failure}</small>
                  </>
                )}
              </span>
              <small className="muted nowrap">
                {mayWrite && c.state === "done" && undoable.includes(c.kind) && !gone.has(c.id) && (
                  <Button
                    size="small"
                    type="text"
                    loading={undo.isPending && undo.variables === c.id}
                    onClick={() => undo.mutate(c.id)}
                  >
                    {t("people.command.undo")}
                  </Button>
                )}
                <code>{c.actor}</code> <RelativeTime at={c.submitted_at} />
              </small>
            </li>
          ))}
          {query.data?.items.length === 0 && <li className="muted">{t("people.command.empty")}</li>}
        </ul>
      )}
    </section>
  );
}
