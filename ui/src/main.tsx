import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "@/api/queries";
import { signInFromAddress } from "@/app/session";
import { applyTheme } from "@/app/theme";
import { toast } from "@/components/Toasts";
import "@/design/base.css";
import { router } from "@/router";

applyTheme();

const root = document.getElementById("app");
if (root === null) throw new Error("The page has no place for the app.");

const application = (
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>
);

// Nothing is asked before the token of the address has become a cookie.
signInFromAddress()
  .catch((error: unknown) => toast("failed", error instanceof Error ? error.message : String(error)))
  .finally(() => createRoot(root).render(application));
