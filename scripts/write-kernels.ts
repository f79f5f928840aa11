/** Compiles kernels/index.ts into src/math/kernels.ts. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { main } from 'assemblyscript/asc';

const root = resolve(import.meta.dirname, '..');
const OPTIONS = '--importMemory --noExportMemory --runtime stub --noAssert -O3 --converge --enable simd';

/** The text of src/math/kernels.ts. Throws what the compiler says of a source that it refuses. */
export async function compiledKernels(): Promise<string> {
  let code = '';
  const { error, stderr } = await main(
    ['kernels/index.ts', '--baseDir', root, '--outFile', 'kernels.wasm', ...OPTIONS.split(' ')],
    {
      writeFile(_name, contents) {
        code = Buffer.from(contents).toString('base64');
      },
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return (
    '/** kernels/index.ts as a WebAssembly module in base64, written by `npm run kernels`. */\n' +
    `export const KERNELS =\n  '${code}';\n`
  );
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(resolve(root, 'src/math/kernels.ts'), await compiledKernels());
}
