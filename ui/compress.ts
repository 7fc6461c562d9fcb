import { readdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const PACKED = new Set([".css", ".html", ".js", ".json", ".svg", ".txt"]);
/** Below this many bytes, a packed file saves nothing. */
const SMALLEST = 500;

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

/** Puts each text file's packed forms beside it, so that the server need not pack what it sends. */
export function compress(): Plugin {
  let folder = "";
  return {
    name: "compress",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && PACKED.has(extname(entry.name)));
      await Promise.all(files.map((entry) => pack(join(entry.parentPath, entry.name))));
    },
  };
}

async function pack(path: string): Promise<void> {
  const content = await readFile(path);
  if (content.length < SMALLEST) return;
  const parameters = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  await Promise.all([
    brotli(content, { params: parameters }).then((packed) => writeFile(`${path}.br`, packed)),
    zip(content, { level: constants.Z_BEST_COMPRESSION }).then((packed) => writeFile(`${path}.gz`, packed)),
  ]);
}
