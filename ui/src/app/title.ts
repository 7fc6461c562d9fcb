import { useEffect } from "react";
import { visible } from "@/format/untrusted";

/** Call the document by what the page shows: what is most particular comes first. */
export function useTitle(...names: readonly string[]): void {
  const title = [...names, "Metaflow"].map(visible).join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
