import { Drawer } from "antd";
import type { ReactNode } from "react";
import { DrawerGuardProvider, useGuardedClose } from "@/lib/useUnsaved";

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
  const { close, guard } = useGuardedClose(props.onClose);
  return (
    <Drawer
      open={props.open}
      onClose={close}
      title={props.title}
      size={Math.min(props.width ?? 640, window.innerWidth)}
      extra={props.actions}
      footer={props.footer}
      afterOpenChange={props.afterOpenChange}
      destroyOnHidden
      mask={{ blur: false }}
    >
      <DrawerGuardProvider value={guard}>{props.children}</DrawerGuardProvider>
    </Drawer>
  );
}
