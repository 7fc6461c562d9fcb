import type { ReactNode, Ref } from "react";

interface ScrollRegionProps {
  /** What is in it, for screen readers. */
  label: string;
  className?: string | undefined;
  ref?: Ref<HTMLDivElement>;
  children: ReactNode;
}

// Whoever has no mouse scrolls it with the arrow keys, for which it must be able to have the focus.
const FOCUSABLE = { tabIndex: 0 };

/** A part of a page that scrolls by itself. */
export function ScrollRegion({ label, className, ref, children }: ScrollRegionProps) {
  return (
    <div ref={ref} role="region" aria-label={label} className={className} {...FOCUSABLE}>
      {children}
    </div>
  );
}
