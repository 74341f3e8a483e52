import { useEffect, useState } from "react";

/**
 * For a picker that was just added: it takes the keyboard and opens once it stands in the page. (Opened with its first
 * drawing, its list would be placed before there is a place.) A choice closes it.
 */
export function useFresh(fresh: boolean | undefined): {
  autoFocus: boolean;
  open: boolean;
  onOpenChange: (open: boolean) => void;
} {
  const [begun] = useState(fresh === true);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!begun) return;
    const frame = requestAnimationFrame(() => setOpen(true));
    return () => cancelAnimationFrame(frame);
  }, [begun]);
  return { autoFocus: begun, open, onOpenChange: setOpen };
}
