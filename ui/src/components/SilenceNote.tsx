import type { Silence } from "@/api/schema";
import { Time } from "./Time";

/** What is known of a run that is recorded as running, and gives no sign of life. */
export function SilenceNote({ silence }: { silence: Silence }) {
  return (
    <span>
      No sign of life since <Time at={silence.since} />
      {silence.is_out_of_reach && "; its datastore cannot be reached"}
    </span>
  );
}
