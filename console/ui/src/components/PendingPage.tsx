import type { ReactNode } from "react";
import { ErrorState } from "@/components/states";

/** The page of one thing before it is there: why it is not, with another try, or what it will look like. */
export function PendingPage(props: {
  crumbs: ReactNode;
  error: Error | null;
  onRetry: () => void;
  children: ReactNode;
}) {
  return (
    <div className="page" aria-busy={props.error === null}>
      {props.crumbs}
      {props.error ? (
        <div className="card">
          <ErrorState error={props.error} onRetry={props.onRetry} />
        </div>
      ) : (
        props.children
      )}
    </div>
  );
}
