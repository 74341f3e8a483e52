import { Modal } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { isMac, useGoKeys } from "./shortcuts";
import "./palette.css";

/** What the keyboard can do. */
export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const goKeys = useGoKeys();
  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      title={t("help.title")}
      width={640}
      zIndex={1050}
      destroyOnHidden
    >
      <div className="help">
        <section>
          <h3>{t("help.general")}</h3>
          <dl>
            <Row keys={[isMac ? "⌘ K" : "Ctrl K"]}>{t("help.palette")}</Row>
            <Row keys={["/"]}>{t("help.search")}</Row>
            <Row keys={["?"]}>{t("help.help")}</Row>
          </dl>
          <h3>{t("help.lists")}</h3>
          <dl>
            <Row keys={["↑", "↓"]}>{t("help.rows")}</Row>
            <Row keys={["↵"]}>{t("help.open")}</Row>
            <Row keys={["Esc"]}>{t("help.close")}</Row>
          </dl>
        </section>
        <section>
          <h3>{t("help.go")}</h3>
          <dl>
            {goKeys.map(({ key, label, letter }) => (
              <Row key={key} keys={["g", letter]} between={t("help.next")}>
                {t(label)}
              </Row>
            ))}
          </dl>
        </section>
      </div>
    </Modal>
  );
}

function Row({ keys, between, children }: { keys: string[]; between?: string; children: ReactNode }) {
  return (
    <div>
      <dt>{children}</dt>
      <dd>
        {keys.map((k, i) => (
          <span key={k}>
            {i > 0 && between && <small>{between} </small>}
            <kbd>{k}</kbd>
          </span>
        ))}
      </dd>
    </div>
  );
}
