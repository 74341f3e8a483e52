import { Input, type InputRef } from "antd";
import { Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

/** A page's search: "/" goes here, Escape leaves, and what was typed is handed on when typing rests. */
export function SearchField(props: {
  value: string;
  onSearch: (text: string | undefined) => void;
  placeholder: string;
  large?: boolean;
  /** Enter was pressed with this text, after it was handed on. */
  onEnter?: (text: string) => void;
}) {
  const { t } = useTranslation();
  const [text, setText] = useState(props.value);
  const sent = useRef(props.value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const input = useRef<InputRef>(null);

  // The address changed by other means than typing here: back, a link, the palette.
  useEffect(() => {
    if (props.value !== sent.current) {
      sent.current = props.value;
      setText(props.value);
    }
  }, [props.value]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const send = (value: string) => {
    clearTimeout(timer.current);
    sent.current = value.trim();
    props.onSearch(sent.current || undefined);
  };
  return (
    <div className="grow" data-search>
      <Input
        ref={input}
        size={props.large ? "large" : "middle"}
        allowClear
        value={text}
        prefix={<Search size={props.large ? 16 : 14} aria-hidden="true" />}
        placeholder={props.placeholder}
        aria-label={t("nav.search")}
        onChange={(e) => {
          const value = e.target.value;
          setText(value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => send(value), 200);
        }}
        onPressEnter={() => {
          send(text);
          props.onEnter?.(text.trim());
        }}
        onKeyDown={(e) => e.key === "Escape" && input.current?.blur()}
      />
    </div>
  );
}
