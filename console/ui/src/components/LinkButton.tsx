import { createLink } from "@tanstack/react-router";
import { Button, type ButtonProps } from "antd";
import type { Ref } from "react";

/** A link that looks like a button: one element, so that it is one stop for the keyboard, and opens in a tab of its own. */
export const LinkButton = createLink(function LinkButton({
  ref,
  primary,
  ...props
}: Omit<ButtonProps, "type"> & { ref?: Ref<HTMLAnchorElement>; primary?: boolean }) {
  // "type" itself would be taken for an anchor's, and dropped by the router.
  const type = primary ? "primary" : "default";
  return <Button {...props} type={type} ref={ref as Ref<HTMLButtonElement & HTMLAnchorElement>} />;
});
