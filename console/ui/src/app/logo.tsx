import { stone } from "./theme";

/** A stone, and the streak that gold leaves on it. */
export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true">
      <path
        d="M9.2 4.6 21.6 3.2c1 0 1.9.5 2.4 1.3l4.6 8.2c.4.7.5 1.5.2 2.3l-4 11c-.4 1.1-1.4 1.9-2.6 1.9l-12.6.8c-1 .1-2-.4-2.5-1.3L3 20.2c-.4-.7-.5-1.6-.2-2.4L6.7 6.5c.4-1.1 1.4-1.8 2.5-1.9Z"
        fill={stone.light}
        stroke={stone.mark}
      />
      <path
        d="M8.6 21.8c4.1-1.6 9.8-6.3 14.7-11.7"
        stroke={stone.gold}
        strokeWidth="2.6"
        strokeLinecap="round"
      />
    </svg>
  );
}
