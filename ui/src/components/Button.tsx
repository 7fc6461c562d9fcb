import type { ButtonHTMLAttributes, ReactNode } from "react";
import styles from "./Button.module.css";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `primary` for the one thing to do, `danger` for what cannot be undone, `quiet` for what is beside the point. */
  kind?: "plain" | "primary" | "danger" | "quiet";
  /** What it does, if `children` is only a picture. */
  label?: string;
  children: ReactNode;
}

export function Button({ kind = "plain", label, className, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      aria-label={label}
      title={rest.title ?? label}
      className={[styles.button, styles[kind], className].filter(Boolean).join(" ")}
      {...rest}
    />
  );
}
