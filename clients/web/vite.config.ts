import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: "@enhanced-prompt/client", replacement: at("src/client/index.ts") },
      { find: /^@\/services$/, replacement: at("src/services/index.ts") },
      { find: /^@\//, replacement: at("src/") },
    ],
  },
  esbuild: { jsx: "automatic", legalComments: "none" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the gateway's policy allows files, not data in scripts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  // `npm run dev` beside a running gateway: EPS_GATEWAY says where that is.
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(
      ["/enhanced_prompt.v1.", "/grpc.health.v1.", "/v1/", "/clips/"].map((path) => [
        path,
        { target: process.env.EPS_GATEWAY ?? "http://127.0.0.1:8080", changeOrigin: true },
      ]),
    ),
  },
  test: {
    environment: "happy-dom",
    include: ["test/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    reporters: "default",
  },
});
