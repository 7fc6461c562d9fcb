import { Link } from "@tanstack/react-router";
import { EmptyState } from "@/components/States";
import { useTitle } from "./title";

/** An address that is of no page. */
export function NotFound() {
  useTitle("No such page");
  return (
    <EmptyState isPage icon="search" title="There is no such page">
      <p>The address may be cut off, or of another version of the app.</p>
      <p>
        <Link to="/">All runs</Link>
      </p>
    </EmptyState>
  );
}
