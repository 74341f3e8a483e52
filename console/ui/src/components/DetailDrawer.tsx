import { Drawer } from "antd";
import type { ReactNode } from "react";

/** Details come from the right, beside what they belong to. One drawer at a time, never a modal over a modal. */
export function DetailDrawer(props: {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** 480 for forms, 640 for details. */
  width?: number;
  actions?: ReactNode;
  footer?: ReactNode;
  children: ReactNode;
  afterOpenChange?: (open: boolean) => void;
}) {
  return (
    <Drawer
      open={props.open}
      onClose={props.onClose}
      title={props.title}
      size={Math.min(props.width ?? 640, window.innerWidth)}
      extra={props.actions}
      footer={props.footer}
      afterOpenChange={props.afterOpenChange}
      destroyOnHidden
      mask={{ blur: false }}
    >
      {props.children}
    </Drawer>
  );
}
