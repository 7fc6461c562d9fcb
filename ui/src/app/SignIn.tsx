import { useQueryClient } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import { Button } from "@/components/Button";
import { signIn } from "./session";
import styles from "./SignIn.module.css";

/** Asks for a token. */
export function SignIn() {
  const queries = useQueryClient();
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    signIn(token.trim()).then(
      () => queries.resetQueries(),
      (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <h1>Sign in</h1>
      <p>
        Open the address that <code>metaflow ui</code> printed, or give the token of this server.
      </p>
      <label htmlFor="token">Token</label>
      <input
        id="token"
        type="password"
        autoComplete="current-password"
        value={token}
        aria-describedby="problem"
        onChange={(event) => setToken(event.target.value)}
      />
      <p id="problem" role="alert" className={styles.problem}>
        {problem}
      </p>
      <Button type="submit" kind="primary" disabled={token.trim() === ""}>
        Sign in
      </Button>
    </form>
  );
}
