import { visible } from "@/format/untrusted";

/** Text from a flow: kept apart from the direction of the text around it, and without anything that cannot be seen. */
export function Untrusted({ text, className }: { text: string; className?: string }) {
  return <bdi className={className}>{visible(text)}</bdi>;
}
