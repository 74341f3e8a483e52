import { type ReactNode, useEffect } from "react";

/** Title, one sentence that says what the page is for, and one primary action (last). */
export function PageHeader(props: { title: string; about?: ReactNode; actions?: ReactNode }) {
  useEffect(() => {
    document.title = `${props.title} · Touchstone`;
  }, [props.title]);
  return (
    <header className="page-head">
      <div>
        <h1>{props.title}</h1>
        {props.about && <p>{props.about}</p>}
      </div>
      {props.actions && <div className="page-actions">{props.actions}</div>}
    </header>
  );
}
