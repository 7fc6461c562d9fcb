import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { compress } from "./compress";

// What the server of `metaflow ui` serves under this path; see web/pages.py.
const PREFIX = "/ui/";

export default defineConfig({
  base: PREFIX,
  plugins: [react(), compress()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  build: {
    outDir: "../src/metaflow/web/static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // they know light-dark()
    assetsInlineLimit: 0, // the policy of the pages allows no data: addresses but for pictures
    reportCompressedSize: true,
  },
  server: {
    // `npm run dev` beside a running `metaflow ui --port 8700`.
    proxy: { "/api": { target: "http://127.0.0.1:8700" } },
  },
  // A busy machine is not an error of what is tested.
  test: { include: ["src/**/*.test.{ts,tsx}"], testTimeout: 60_000, hookTimeout: 60_000 },
});
