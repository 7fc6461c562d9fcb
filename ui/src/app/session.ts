import { PAGE_HEADER, refusal } from "@/api/client";

/** Sign in with a token: from then on a cookie that scripts cannot read stands for it. */
export async function signIn(token: string): Promise<void> {
  const response = await fetch("/api/v1/session", {
    method: "POST",
    headers: { ...PAGE_HEADER, "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (!response.ok) throw await refusal(response);
}

export async function signOut(): Promise<void> {
  const response = await fetch("/api/v1/session", { method: "DELETE", headers: PAGE_HEADER });
  if (!response.ok) throw await refusal(response);
}

/** Use the token that the address brings along (`#token=…`), and take it out of the address and the history. */
export async function signInFromAddress(): Promise<void> {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(history.state, "", window.location.pathname + window.location.search);
  await signIn(token);
}
