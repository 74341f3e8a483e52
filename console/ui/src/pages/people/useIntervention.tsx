import { useQueryClient } from "@tanstack/react-query";
import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { errorText } from "@/components/states";
import { useWrite } from "@/lib/useWrite";

/** A command about a person: it is done when the pipeline has come to it, and everything about people is read again. */
export function useIntervention<Result, Input = void>(
  call: (input: Input) => Promise<Result>,
  onDone?: (result: Result) => void,
) {
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: ["persons"] });
  return useWrite({
    mutationFn: call,
    onSuccess: (result) => {
      void again();
      onDone?.(result);
    },
    onSettled: (_, error) => {
      if (error) void again(); // it may be in the log and be done yet
    },
  });
}

/** Why the last try came to nothing, or that the command waits its turn. */
export function InterventionState({ write }: { write: { isPending: boolean; error: unknown } }) {
  const { t } = useTranslation();
  if (write.isPending) return <Alert type="info" title={t("people.command.waits")} role="status" />;
  if (!write.error) return null;
  return <Alert type="error" title={t("people.command.failed")} description={errorText(write.error)} />;
}
