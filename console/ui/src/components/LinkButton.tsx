import { createLink } from "@tanstack/react-router";
import { Button, type ButtonProps } from "antd";
import type { Ref } from "react";

/** A link that looks like a button: one element, so that it is one stop for the keyboard, and opens in a tab of its own. */
export const LinkButton = createLink(function LinkButton({
  ref,
  ...props
}: ButtonProps & { ref?: Ref<HTMLAnchorElement> }) {
  return <Button {...props} ref={ref as Ref<HTMLButtonElement & HTMLAnchorElement>} />;
});
