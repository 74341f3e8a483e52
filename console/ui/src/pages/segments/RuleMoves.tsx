import { App, Button, Dropdown, type MenuProps, Tooltip } from "antd";
import { ClipboardPaste, GripVertical, Redo2, Undo2 } from "lucide-react";
import {
  type ClipboardEvent,
  createContext,
  type KeyboardEvent,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { useTranslation } from "react-i18next";
import type { Rule } from "@/api/types";
import { isMac, isTyping } from "@/app/shortcuts";
import { copyText } from "@/components/CopyButton";
import { useRuleWords } from "@/components/conditions/useRuleWords";
import { formatJson, parseJson } from "@/lib/json";
import { groupOf, plain, readRule, ruleAt } from "@/lib/rule";
import {
  canUngroup,
  groupPart,
  insertPart,
  misfit,
  movePart,
  removePart,
  type Slot,
  sameSlot,
  slotOf,
  stepPart,
  ungroupPart,
} from "@/lib/ruleMoves";
import type { Undo } from "@/lib/useUndo";
import { useDrag } from "./useDrag";

/** What was copied last, for the menus: pages may not read the clipboard unasked. Ctrl+V takes what is there. */
const clip = {
  part: null as Rule | null,
  listeners: new Set<() => void>(),
  get: () => clip.part,
  set(part: Rule) {
    clip.part = part;
    for (const tell of clip.listeners) tell();
  },
  subscribe(tell: () => void) {
    clip.listeners.add(tell);
    return () => void clip.listeners.delete(tell);
  },
};
const useClip = () => useSyncExternalStore(clip.subscribe, clip.get);

interface Moves {
  rule: Rule;
  /** The part that is being dragged, and where it would go. */
  dragged: string | null;
  drop: Slot | null;
  begin: (e: React.PointerEvent, at: string) => void;
  step: (at: string, by: 1 | -1) => void;
  group: (at: string) => void;
  ungroup: (at: string) => void;
  copy: (at: string) => void;
  cut: (at: string) => void;
  paste: (slot: Slot, part: Rule) => void;
  remove: (at: string) => void;
}

const MovesContext = createContext<Moves | null>(null);

/** Lets the parts of a rule be dragged, walked by keyboard, copied, cut and pasted. */
export function RuleMoves({ rule, undo, children }: { rule: Rule; undo: Undo; children: ReactNode }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const words = useRuleWords();
  const box = useRef<HTMLDivElement>(null);
  const ghost = useRef<HTMLDivElement>(null);
  const [said, setSaid] = useState("");
  // Where the keyboard goes when the rule has changed: parts have no identity, so their handles change hands.
  const focus = useRef<string | null>(null);
  const { change } = undo;

  // biome-ignore lint/correctness/useExhaustiveDependencies: when the rule was drawn anew
  useEffect(() => {
    const at = focus.current;
    if (at === null) return;
    focus.current = null;
    box.current?.querySelector<HTMLElement>(`[data-handle="${at}"]`)?.focus();
  }, [rule]);

  const settle = useMemo(
    () => (done: { rule: Rule; at: string } | null) => {
      if (!done) {
        setSaid(t("explorer.moves.end"));
        return;
      }
      const slot = slotOf(done.at);
      const group =
        slot && groupOf(ruleAt(done.rule, slot.list.replace(/(?:^|\.)(?:and|or)$/, "")) ?? { and: [] });
      if (slot && group)
        setSaid(
          t("explorer.moves.moved", {
            n: slot.index + 1,
            of: group.of.length,
            group: t(group.kind === "and" ? "segments.builder.all" : "segments.builder.any"),
          }),
        );
      focus.current = done.at;
      change(done.rule);
    },
    [change, t],
  );

  const { dragged, drop, begin } = useDrag({
    box,
    ghost,
    rule,
    onDrop: (at, slot) => {
      const done = movePart(rule, at, slot);
      if (done) settle(done);
    },
  });

  const moves = useMemo<Moves>(() => {
    const apply = (next: Rule | null, at: string) => {
      if (!next) return void message.info(t("explorer.moves.deep"));
      focus.current = at;
      change(next);
    };
    const copy = (at: string) => {
      const part = ruleAt(rule, at);
      if (!part) return;
      clip.set(part);
      void copyText(formatJson(part, 2));
    };
    const remove = (at: string) => {
      const slot = slotOf(at);
      const next = removePart(rule, at);
      // What follows takes its place; else the one before.
      if (slot) focus.current = ruleAt(next, at) ? at : `${slot.list}.${slot.index - 1}`;
      change(next);
    };
    return {
      rule,
      dragged,
      drop,
      begin,
      step: (at, by) => settle(stepPart(rule, at, by)),
      group: (at) => apply(groupPart(rule, at), at),
      ungroup: (at) => apply(ungroupPart(rule, at), at),
      copy: (at) => {
        copy(at);
        message.success(t("explorer.moves.copied"));
      },
      cut: (at) => {
        copy(at);
        remove(at);
      },
      paste: (slot, part) => {
        const why = misfit(slot.list, part);
        if (why) return void message.info(t(`explorer.moves.${why}`));
        focus.current = `${slot.list}.${slot.index}`;
        setSaid(t("explorer.moves.pasted"));
        change(insertPart(rule, slot, structuredClone(part)));
      },
      remove,
    };
  }, [rule, dragged, drop, begin, settle, change, message, t]);

  /** The part that has the keyboard. Text that is marked or written is the browser's to copy. */
  const partOf = (e: ClipboardEvent): string | null => {
    if (isTyping(e.target) || !document.getSelection()?.isCollapsed) return null;
    return (e.target as Element).closest("[data-part]")?.getAttribute("data-part") ?? "";
  };
  const take = (e: ClipboardEvent, then: (at: string) => void) => {
    const at = partOf(e);
    const part = at ? ruleAt(rule, at) : undefined;
    if (!at || !part) return;
    e.preventDefault();
    clip.set(part);
    e.clipboardData.setData("text/plain", formatJson(part, 2));
    then(at);
  };
  const paste = (e: ClipboardEvent) => {
    const at = partOf(e);
    const text = e.clipboardData.getData("text/plain").trim();
    if (at === null || text === "") return;
    e.preventDefault();
    const part = readText(text);
    const root = groupOf(rule);
    if (!part || !root) return void message.info(t("explorer.moves.notRule"));
    const slot = slotOf(at);
    moves.paste(slot ? { ...slot, index: slot.index + 1 } : { list: root.kind, index: root.of.length }, part);
  };

  const part = dragged === null ? undefined : ruleAt(rule, dragged);
  return (
    <MovesContext value={moves}>
      <div
        ref={box}
        className="rule-moves"
        data-dragging={dragged !== null || undefined}
        onCopy={(e) => take(e, () => setSaid(t("explorer.moves.copied")))}
        onCut={(e) => take(e, moves.remove)}
        onPaste={paste}
      >
        {children}
      </div>
      <div ref={ghost} className="rule-ghost ellipsis" hidden={!part} aria-hidden="true">
        {part && words.rule(part)}
      </div>
      <p className="visually-hidden" role="status" data-testid="rule-moved">
        {said}
      </p>
    </MovesContext>
  );
}

/** A rule out of a text, as far as the builder can show it. */
function readText(text: string): Rule | null {
  try {
    const read = readRule(parseJson(text));
    return "rule" in read ? plain(read.rule) : null;
  } catch {
    return null;
  }
}

/** What the item of a part carries: where it is, whether it is on its way, and where something would go. */
export function usePartMarks(): (
  list: string,
  index: number,
  of: number,
) => Record<string, string | undefined> {
  const moves = useContext(MovesContext);
  return (list, index, of) => {
    const at = `${list}.${index}`;
    const drop = moves?.drop;
    const here = (i: number) => sameSlot(drop ?? null, { list, index: i });
    return {
      "data-part": at,
      "data-dragged": moves?.dragged === at ? "" : undefined,
      "data-drop": here(index) ? "before" : index === of - 1 && here(of) ? "after" : undefined,
    };
  };
}

/** By which a part is moved: dragged by the pointer, by the arrow keys, or by a menu. */
export function PartHandle({ at, part }: { at: string; part: Rule }) {
  const { t } = useTranslation();
  const words = useRuleWords();
  const moves = useContext(MovesContext);
  const copied = useClip();
  const [open, setOpen] = useState(false);
  if (!moves) return null;
  const slot = slotOf(at);
  const what = words.rule(part);
  const key = isMac ? "⌘" : "Ctrl ";
  const item = (does: string, label: string, run: () => void, hint = "", disabled = false) => ({
    key: does,
    label,
    extra: hint && <kbd>{hint}</kbd>,
    onClick: run,
    disabled,
  });
  const items: MenuProps["items"] = [
    item("up", t("explorer.moves.up"), () => moves.step(at, -1), "↑"),
    item("down", t("explorer.moves.down"), () => moves.step(at, 1), "↓"),
    item("group", t("explorer.moves.group"), () => moves.group(at)),
    ...(canUngroup(part) ? [item("ungroup", t("explorer.moves.ungroup"), () => moves.ungroup(at))] : []),
    { type: "divider" },
    item("copy", t("explorer.moves.copy"), () => moves.copy(at), `${key}C`),
    item("cut", t("explorer.moves.cut"), () => moves.cut(at), `${key}X`),
    item(
      "paste",
      t("explorer.moves.paste"),
      () => copied && slot && moves.paste({ ...slot, index: slot.index + 1 }, copied),
      `${key}V`,
      copied === null,
    ),
    item("remove", t("explorer.moves.remove"), () => moves.remove(at), isMac ? "⌫" : "Del"),
  ];
  const onKeyDown = (e: KeyboardEvent) => {
    if (open || e.metaKey || e.ctrlKey) return;
    const by = { ArrowUp: -1, ArrowDown: 1 }[e.key] as 1 | -1 | undefined;
    if (by) moves.step(at, by);
    else if (e.key === "Delete" || e.key === "Backspace") moves.remove(at);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <Dropdown trigger={["click"]} open={open} onOpenChange={setOpen} menu={{ items }} autoFocus>
      <Tooltip
        title={open || moves.dragged !== null ? "" : t("explorer.moves.handleHelp")}
        mouseEnterDelay={0.6}
      >
        <button
          type="button"
          className="rule-handle"
          data-handle={at}
          aria-label={t("explorer.moves.handle", { what: what.length > 80 ? `${what.slice(0, 79)}…` : what })}
          onPointerDown={(e) => moves.begin(e, at)}
          onKeyDown={onKeyDown}
        >
          <GripVertical size={14} aria-hidden="true" />
        </button>
      </Tooltip>
    </Dropdown>
  );
}

/** Puts what was copied last at the end of a group. Nothing while nothing was. */
export function PasteHere({ slot }: { slot: Slot }) {
  const { t } = useTranslation();
  const words = useRuleWords();
  const moves = useContext(MovesContext);
  const part = useClip();
  if (!moves || !part) return null;
  return (
    <Tooltip title={t("explorer.moves.pasteHelp", { what: words.rule(part) })}>
      <Button
        size="small"
        type="text"
        icon={<ClipboardPaste size={13} />}
        onClick={() => moves.paste(slot, part)}
      >
        {t("explorer.moves.pasteHere")}
      </Button>
    </Tooltip>
  );
}

/** Takes back and does again, by button and by Ctrl+Z wherever on the page one is but in a text. */
export function UndoButtons({ undo }: { undo: Undo }) {
  const { t } = useTranslation();
  const latest = useRef(undo);
  useEffect(() => {
    latest.current = undo;
  });
  useEffect(() => {
    const onKey = (e: globalThis.KeyboardEvent) => {
      if (!(e.metaKey || e.ctrlKey) || e.altKey || e.defaultPrevented) return;
      const key = e.key.toLowerCase();
      const again = key === "y" || (key === "z" && e.shiftKey);
      if (!again && key !== "z") return;
      const field = e.target as HTMLInputElement;
      // Switches take no text, and a picker's search field is empty most of the time.
      const textless =
        /^(radio|checkbox)$/.test(field.type) || (field.role === "combobox" && field.value === "");
      if (isTyping(field) && !textless) return;
      e.preventDefault();
      if (again) latest.current.redo();
      else latest.current.undo();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <span className="rule-undo">
      <Tooltip title={`${t("explorer.moves.undo")} (${isMac ? "⌘Z" : "Ctrl Z"})`}>
        <Button
          type="text"
          size="small"
          aria-label={t("explorer.moves.undo")}
          icon={<Undo2 size={14} />}
          disabled={!undo.canUndo}
          onClick={undo.undo}
        />
      </Tooltip>
      <Tooltip title={`${t("explorer.moves.redo")} (${isMac ? "⇧⌘Z" : "Ctrl Y"})`}>
        <Button
          type="text"
          size="small"
          aria-label={t("explorer.moves.redo")}
          icon={<Redo2 size={14} />}
          disabled={!undo.canRedo}
          onClick={undo.redo}
        />
      </Tooltip>
    </span>
  );
}
