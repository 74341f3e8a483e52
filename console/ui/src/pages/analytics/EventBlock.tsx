import { Button, Tooltip } from "antd";
import { X } from "lucide-react";
import type { HTMLAttributes, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ConditionList } from "@/components/conditions/ConditionRow";
import { EventPicker } from "@/components/conditions/EventPicker";
import type { EventDraft } from "./question";

/** One event of a question: its mark, the picker, what it must fulfil. */
export function EventBlock<E extends EventDraft>(props: {
  mark: ReactNode;
  value: E;
  onChange: (e: E) => void;
  label: string;
  any?: boolean;
  fresh?: boolean;
  onRemove?: (() => void) | undefined;
  actions?: ReactNode;
  children?: ReactNode;
  drag?: HTMLAttributes<HTMLDivElement> & { draggable?: boolean };
}) {
  const { t } = useTranslation();
  const { value } = props;
  return (
    <div className="event-block" data-testid="event-block" {...props.drag}>
      <div className="event-line">
        {props.mark}
        <EventPicker
          value={value.event}
          label={props.label}
          any={props.any ?? false}
          fresh={props.fresh ?? false}
          onChange={(event) => {
            const { where: _, ...rest } = value;
            props.onChange({ ...(event === value.event ? value : rest), event } as E);
          }}
        />
        {props.actions}
        {props.onRemove && (
          <Tooltip title={t("condition.remove")}>
            <Button
              type="text"
              size="small"
              className="condition-x"
              icon={<X size={14} />}
              aria-label={t("condition.remove")}
              onClick={props.onRemove}
            />
          </Tooltip>
        )}
      </div>
      {props.children}
      {value.event && (
        <ConditionList
          events={[value.event]}
          value={value.where}
          withDimensions
          onChange={(where) => {
            const { where: _, ...rest } = value;
            props.onChange((where ? { ...rest, where } : rest) as E);
          }}
        />
      )}
    </div>
  );
}
