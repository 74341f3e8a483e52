import { useQueryClient } from "@tanstack/react-query";
import { App, Button } from "antd";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { api, data } from "@/api/client";
import { useWrite } from "@/lib/useWrite";

/** Takes an operator's split or merge back. */
export function useUndo() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const client = useQueryClient();
  return useWrite({
    mutationFn: (command: string) => data(api.POST("/api/v1/identity/undo", { body: { command } })),
    onSuccess: async () => {
      message.success(t("people.command.undone"));
      await client.invalidateQueries();
    },
  });
}

/** Says that something was done, with a button that takes it back at once. */
export function useDone(): (title: string, command: string, onUndone?: () => void) => void {
  const { t } = useTranslation();
  const { notification } = App.useApp();
  const undo = useUndo();
  return useCallback(
    (title, command, onUndone) => {
      const key = `done-${command}`;
      const run = async () => {
        notification.destroy(key);
        await undo.mutateAsync(command);
        onUndone?.();
      };
      notification.success({
        key,
        title,
        duration: 12,
        placement: "bottomRight",
        actions: (
          <Button size="small" onClick={() => void run().catch(() => {})} data-undo={command}>
            {t("people.command.undo")}
          </Button>
        ),
      });
    },
    [notification, undo.mutateAsync, t],
  );
}
