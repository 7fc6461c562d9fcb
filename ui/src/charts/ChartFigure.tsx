import { useRef, type ReactNode } from "react";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { savePicture, type PictureKind } from "@/components/picture";
import { toast } from "@/components/Toasts";
import { Untrusted } from "@/components/Untrusted";
import styles from "./charts.module.css";
import { useWidth } from "./useWidth";

interface ChartFigureProps {
  title: string;
  height: number;
  /** Further buttons beside those that save the chart. */
  actions?: ReactNode;
  /** What is drawn, for a width. */
  children: (width: number) => ReactNode;
}

/** A chart with its title, as wide as there is room, and the buttons to take it away. */
export function ChartFigure({ title, height, actions, children }: ChartFigureProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const take = (kind: PictureKind) => {
    const svg = frame.current?.querySelector("svg");
    if (svg === null || svg === undefined || width === null) return;
    savePicture(svg, { width, height }, title, kind).catch((error: unknown) => {
      toast("failed", `The picture could not be made: ${error instanceof Error ? error.message : String(error)}`);
    });
  };
  return (
    <figure className={styles.figure}>
      <figcaption className={styles.caption}>
        <h2>
          <Untrusted text={title} />
        </h2>
        <span className={styles.actions}>
          {actions}
          <Button kind="quiet" label={`Save ${title} as SVG`} onClick={() => take("svg")}>
            <Icon name="download" size={12} /> SVG
          </Button>
          <Button kind="quiet" label={`Save ${title} as PNG`} onClick={() => take("png")}>
            <Icon name="download" size={12} /> PNG
          </Button>
        </span>
      </figcaption>
      <div ref={frame} className={styles.frame} style={{ height }}>
        {width !== null && width > 0 && children(width)}
      </div>
    </figure>
  );
}
