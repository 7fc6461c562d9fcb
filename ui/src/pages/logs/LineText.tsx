import { memo } from "react";
import { visible } from "@/format/untrusted";
import type { Colour, Style } from "./ansi";
import { terminalPieces } from "./ansi";
import { onBackground, paletteColour, readable } from "./colours";
import { markSpans, type Span } from "./highlight";
import styles from "./LineText.module.css";

const NO_SPANS: readonly Span[] = [];

/** What a terminal shows of a line, with what was found in it marked. */
export const LineText = memo(function LineText({
  text,
  spans = NO_SPANS,
  isCurrent = false,
}: {
  text: string;
  spans?: readonly Span[];
  isCurrent?: boolean;
}) {
  const pieces = terminalPieces(text);
  const first = pieces[0];
  if (first === undefined) return <bdi />;
  if (pieces.length === 1 && first.style === null && spans.length === 0) return <bdi>{visible(first.text)}</bdi>;
  return (
    <bdi>
      {markSpans(pieces, spans).map((piece, index) => {
        const shown = <Look key={index} text={piece.text} style={piece.style} />;
        if (piece.which < 0) return shown;
        return (
          <mark key={index} className={isCurrent ? styles.current : styles.found}>
            {shown}
          </mark>
        );
      })}
    </bdi>
  );
});

function Look({ text, style }: { text: string; style: Style | null }) {
  const shown = visible(text);
  if (style === null) return shown;
  const { className, css } = lookOf(style);
  if (style.link !== undefined) {
    return (
      <a
        href={style.link}
        target="_blank"
        rel="noopener noreferrer nofollow"
        className={`${styles.underline} ${className}`}
        style={css}
      >
        {shown}
      </a>
    );
  }
  return (
    <span className={className} style={css}>
      {shown}
    </span>
  );
}

interface Looks {
  className: string;
  css: { color?: string; backgroundColor?: string };
}

const known = new WeakMap<Style, Looks>();

function lookOf(style: Style): Looks {
  let looks = known.get(style);
  if (looks === undefined) {
    looks = makeLooks(style);
    known.set(style, looks);
  }
  return looks;
}

function makeLooks(style: Style): Looks {
  const names = (["bold", "dim", "italic", "underline", "strike", "hidden"] as const).filter((name) => style[name]);
  const classes: (string | undefined)[] = names.map((name) => styles[name]);
  let { colour, background } = style;
  if (style.inverse === true) {
    [colour, background] = [background, colour];
    if (background === undefined) return { className: [...classes, styles.inverse].join(" "), css: {} };
  }
  const css: Looks["css"] = {};
  if (background !== undefined) {
    const pair = onBackground(rgb(background), colour === undefined ? null : rgb(colour));
    css.backgroundColor = pair.background;
    css.color = pair.colour;
  } else if (colour !== undefined) {
    if ("basic" in colour) classes.push(styles[`colour${colour.basic % 8}`]);
    else css.color = readable(colour.rgb);
  }
  return { className: classes.join(" "), css };
}

function rgb(colour: Colour): number {
  return "basic" in colour ? paletteColour(colour.basic) : colour.rgb;
}
