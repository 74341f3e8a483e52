import { App, Button, type ButtonProps } from "antd";
import { RotateCcw, RotateCw, Trash2 } from "lucide-react";
import { type ReactNode, useCallback } from "react";
import { useTranslation } from "react-i18next";

/** What is asked before something is done that others feel, or that cannot be undone. */
export interface Question {
  title: string;
  /** What comes of it. */
  text?: ReactNode;
  /** The button that does it, in the words of the button that asked. */
  ok: string;
  /** It takes something away: the keyboard starts at "Cancel". */
  danger?: boolean;
  /** A write, mostly `mutateAsync` of a useWrite, which says itself what failed. */
  run: () => Promise<unknown>;
}

/** Asks first: for buttons, take ConfirmButton. */
export function useConfirm(): (q: Question) => void {
  const { modal } = App.useApp();
  const { t } = useTranslation();
  return useCallback(
    ({ title, text, ok, danger, run }: Question) => {
      modal.confirm({
        title,
        content: text,
        okText: ok,
        okButtonProps: { danger: danger === true },
        cancelText: t("action.cancel"),
        autoFocusButton: danger ? "cancel" : "ok",
        icon: null,
        onOk: () => run().catch(() => {}),
      });
    },
    [modal, t],
  );
}

const kinds = {
  delete: { icon: <Trash2 size={14} />, danger: true },
  discard: { icon: <Trash2 size={14} />, danger: true },
  replay: { icon: <RotateCcw size={14} />, danger: false },
  rotate: { icon: <RotateCw size={14} />, danger: true },
  revoke: { icon: undefined, danger: true },
} as const;

interface Props extends Omit<Question, "danger">, Pick<ButtonProps, "size" | "disabled" | "className"> {
  /** Decides about icon and colour: replays are ordinary; what takes away is a quiet red. */
  does: keyof typeof kinds;
  /** Its name; with `bare`, for screen readers and on hover only. */
  children: string;
  bare?: boolean;
  pending?: boolean;
}

/** The one button that replays, discards, deletes, rotates or revokes: it asks before it does. */
export function ConfirmButton({ does, title, text, ok, run, children, bare, pending, ...button }: Props) {
  const confirm = useConfirm();
  const { icon, danger } = kinds[does];
  // A rotation stands among ordinary buttons: only its question is red.
  const quiet = danger && does !== "rotate";
  return (
    <Button
      {...button}
      {...(quiet ? { type: "text" as const, danger } : {})}
      {...(bare ? { "aria-label": children, title: children } : {})}
      icon={icon}
      loading={pending === true}
      onClick={() => confirm({ title, text, ok, danger, run })}
    >
      {bare ? null : children}
    </Button>
  );
}
