import { Input, Select } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { FileGuess } from "@/api/types";
import { useLabels } from "@/lib/labels";
import {
  callType,
  choiceOf,
  type FieldType,
  fieldTypes,
  identifierKinds,
  type Mapping,
  partOf,
  roleFrom,
  roleOf,
  setRole,
  shownName,
} from "./mapping";
import { useGuessReason } from "./useGuessReason";

const many = 12;

/** One line per column: what it holds, and what becomes of it. */
export function ColumnTable(props: { guess: FileGuess; mapping: Mapping; onMapping: (m: Mapping) => void }) {
  const { t } = useTranslation();
  const labels = useLabels();
  const reason = useGuessReason();
  const [find, setFind] = useState("");
  const type = callType(props.mapping);
  const part = partOf(type);
  const options = useMemo(
    () => [
      { value: "none", label: t("importFile.mapping.none") },
      {
        label: t("importFile.mapping.what"),
        options: [
          { value: "time", label: t("importFile.mapping.time") },
          ...(type === "track" ? [{ value: "event", label: t("importFile.mapping.event") }] : []),
          ...(type === "group" ? [{ value: "group", label: t("importFile.mapping.groupId") }] : []),
          { value: "message", label: t("importFile.mapping.message") },
        ],
      },
      {
        label: t("importFile.mapping.who"),
        options: identifierKinds.map((k) => ({ value: `id:${k}`, label: labels.identifierKind(k) })),
      },
      {
        label: t("importFile.mapping.more"),
        options: [
          {
            value: part,
            label: part === "traits" ? t("importFile.mapping.trait") : t("importFile.mapping.property"),
          },
          ...(part === "properties"
            ? [{ value: "context", label: t("importFile.mapping.traitOfEvent") }]
            : []),
        ],
      },
    ],
    [t, labels, type, part],
  );
  const wanted = find.trim().toLowerCase();
  const columns = props.guess.columns.filter((c) => c.name.toLowerCase().includes(wanted));
  return (
    <>
      {props.guess.columns.length > many && (
        <div className="column-find">
          <Input
            size="small"
            allowClear
            placeholder={t("importFile.mapping.find")}
            aria-label={t("importFile.mapping.find")}
            value={find}
            onChange={(e) => setFind(e.target.value)}
          />
        </div>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div className="column-scroll" tabIndex={0}>
        <table className="column-table">
          <thead>
            <tr>
              <th>{t("importFile.mapping.column")}</th>
              <th>{t("importFile.mapping.examples")}</th>
              <th>{t("importFile.mapping.role")}</th>
              <th>{t("importFile.mapping.name")}</th>
              <th>{t("importFile.mapping.type")}</th>
              <th>{t("importFile.mapping.why")}</th>
            </tr>
          </thead>
          <tbody>
            {columns.map((c) => {
              const role = roleOf(props.mapping, c.name);
              const guessed: FieldType = c.type === "string" ? "text" : c.type;
              const choice = choiceOf(role);
              return (
                <tr key={c.name} data-off={role.is === "none" || undefined}>
                  <th scope="row" title={c.name}>
                    {c.name}
                  </th>
                  <td className="muted" title={c.examples.join("\n")}>
                    {c.examples.join(" · ")}
                  </td>
                  <td>
                    <Select
                      size="small"
                      aria-label={`${t("importFile.mapping.role")}: ${c.name}`}
                      value={choice}
                      options={options}
                      showSearch={{ optionFilterProp: "label" }}
                      popupMatchSelectWidth={200}
                      onChange={(v) =>
                        props.onMapping(setRole(props.mapping, c.name, roleFrom(v, c.name, role, guessed)))
                      }
                    />
                  </td>
                  <td>
                    {role.is === "field" && (
                      <NameInput
                        key={role.name}
                        label={`${t("importFile.mapping.name")}: ${c.name}`}
                        name={role.name}
                        onName={(name) => props.onMapping(setRole(props.mapping, c.name, { ...role, name }))}
                      />
                    )}
                  </td>
                  <td>
                    {role.is === "field" && (
                      <Select<FieldType>
                        size="small"
                        aria-label={`${t("importFile.mapping.type")}: ${c.name}`}
                        value={role.type}
                        options={fieldTypes.map((v) => ({
                          value: v,
                          label: t(`importFile.mapping.types.${v}`),
                        }))}
                        onChange={(v) =>
                          props.onMapping(setRole(props.mapping, c.name, { ...role, type: v }))
                        }
                      />
                    )}
                  </td>
                  <td className="muted" title={reason(c.reason)}>
                    {reason(c.reason)}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** A name is taken when it is finished: while it is typed it may be that of another field. */
function NameInput(props: { name: string; label: string; onName: (name: string) => void }) {
  const [text, setText] = useState(shownName(props.name));
  const done = () => {
    const name = text.trim();
    if (name === "" || name === shownName(props.name)) setText(shownName(props.name));
    else props.onName(name);
  };
  return (
    <Input
      size="small"
      aria-label={props.label}
      value={text}
      onChange={(e) => setText(e.target.value)}
      onBlur={done}
      onPressEnter={done}
    />
  );
}
