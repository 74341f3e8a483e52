import { useReasonLabel } from "../useReasonLabel";

/** A reason of the quarantine, "code: detail", with the code in words. */
export function useReasonText(): (reason: string) => string {
  const label = useReasonLabel();
  return (reason) => {
    const [, code, detail] = /^([a-z_]+): (.*)$/s.exec(reason) ?? [];
    return code ? `${label(code)} · ${detail}` : reason;
  };
}
