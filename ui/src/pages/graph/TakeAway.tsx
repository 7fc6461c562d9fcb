import { useEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import type { RunGraph } from "@/api/schema";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { savePicture, type PictureKind } from "@/components/picture";
import { toast } from "@/components/Toasts";
import { Arrows, Edges } from "./Edges";
import { secondsOf, stepLook, type GraphLook } from "./states";
import { StepBox } from "./StepBox";

interface TakeAwayProps {
  graph: RunGraph;
  look: GraphLook;
  now: number;
}

/** Buttons that save the whole graph as a picture, whatever part of it is seen. */
export function TakeAway(props: TakeAwayProps) {
  const [kind, setKind] = useState<PictureKind | null>(null);
  return (
    <div role="group" aria-label="Download">
      <Button kind="quiet" title="Download as SVG" onClick={() => setKind("svg")}>
        <Icon name="download" size={14} /> SVG
      </Button>
      <Button kind="quiet" title="Download as PNG" onClick={() => setKind("png")}>
        <Icon name="download" size={14} /> PNG
      </Button>
      {kind !== null && createPortal(<WholeGraph {...props} kind={kind} onDone={() => setKind(null)} />, document.body)}
    </div>
  );
}

const ignore = () => undefined;

/** Drawn where nobody sees it, saved, and gone. */
function WholeGraph({ graph, look, now, kind, onDone }: TakeAwayProps & { kind: PictureKind; onDone: () => void }) {
  const svg = useRef<SVGSVGElement>(null);
  const done = useRef(onDone);
  useEffect(() => {
    if (svg.current === null) return;
    const size = { width: Math.ceil(graph.width), height: Math.ceil(graph.height) };
    savePicture(svg.current, size, `${graph.flow}-${graph.run_id}-graph`, kind)
      .catch((error: unknown) => {
        toast("failed", `The picture could not be made: ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => done.current());
  }, [graph, kind]);
  return (
    <div className="visually-hidden" aria-hidden="true" inert>
      <svg ref={svg} width={graph.width} height={graph.height}>
        <Arrows marker="picture" />
        <Edges edges={graph.edges} look={look} across={graph.across} marker="picture" withLabels />
        {graph.steps.map((step) => (
          <StepBox
            key={step.name}
            step={step}
            state={look.steps.get(step.name)}
            look={stepLook(look, step.name)}
            seconds={secondsOf(look.steps.get(step.name), look.isRunning, now)}
            words={step.name}
            isSelected={false}
            isTabbed={false}
            detail="all"
            onClick={ignore}
            onOpen={ignore}
            onKey={ignore}
          />
        ))}
      </svg>
    </div>
  );
}
