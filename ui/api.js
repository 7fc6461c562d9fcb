// Writes src/api/schema.d.ts: the types of the server's interface, made of openapi.json.
import { readFile, writeFile } from "node:fs/promises";
import openapi, { astToString } from "openapi-typescript";
import ts from "typescript";

const folder = import.meta.dirname;
const { BigIntKeyword, NumberKeyword } = ts.SyntaxKind;

const types = await openapi(await readFile(`${folder}/openapi.json`), {
  silent: true,
  rootTypes: true,
  rootTypesNoSchemaPrefix: true,
  defaultNonNullable: false,
  // Those that may be beyond what JavaScript's numbers hold exactly, see src/format/json.ts.
  transform: ({ type, format }) =>
    type === "integer" && format === "int64"
      ? ts.factory.createUnionTypeNode(
          [NumberKeyword, BigIntKeyword].map((kind) => ts.factory.createKeywordTypeNode(kind)),
        )
      : undefined,
});
await writeFile(`${folder}/src/api/schema.d.ts`, astToString(types));
