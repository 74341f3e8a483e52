import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Button } from "antd";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { personCommandsQuery } from "@/api/queries";
import type { Person } from "@/api/types";
import { useMay } from "@/app/session";
import { Pill } from "@/components/Pill";
import { RelativeTime } from "@/components/RelativeTime";
import { ErrorState } from "@/components/states";
import { useWrite } from "@/lib/useWrite";

/** What can be taken back as if it had never been. */
const undoable = ["person.split", "person.merge"];

/** What operators did to a person, and what became of it. */
export function PersonCommands({ person }: { person: Person }) {
  const { t } = useTranslation();
  const mayAudit = useMay("audit:read");
  const mayWrite = useMay("people:write");
  const query = useQuery({ ...personCommandsQuery(person.id), enabled: mayAudit || mayWrite });
  const { message } = App.useApp();
  const client = useQueryClient();
  const undo = useWrite({
    mutationFn: (command: string) => data(api.POST("/api/v1/identity/undo", { body: { command } })),
    onSuccess: async () => {
      message.success(t("people.command.undone"));
      await client.invalidateQueries();
    },
  });
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
          {query.data?.items.map((c) => (
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
                {mayWrite && c.state === "done" && undoable.includes(c.kind) && (
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
