/** Builds the web pages into `dist-web`, a static folder; with --serve, serves it and builds anew as files change. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { context } from 'esbuild';

const OUT = 'dist-web';
/** Elementary functions that browsers compute to other last bits than Node. */
const PORTABLE = ['exp', 'expm1', 'log', 'log1p'];
/** onnxruntime-web's, which it fetches from beside the script that compiles a graph: for the processor, and for the GPU. */
const RUNTIMES = ['ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.asyncify.wasm'];
const serving = process.argv.includes('--serve');

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);
for (const file of ['index.html', 'curve.html', 'devices.html', 'style.css'])
  cpSync(`web/page/${file}`, `${OUT}/${file}`);
for (const file of RUNTIMES) cpSync(`node_modules/onnxruntime-web/dist/${file}`, `${OUT}/${file}`);
const building = await context({
  entryPoints: {
    stage: 'web/page/stage.tsx',
    worker: 'web/page/worker.ts',
    curve: 'web/page/curve.tsx',
    'curve-worker': 'web/page/curve-worker.ts',
    devices: 'web/page/devices.tsx',
    'devices-worker': 'web/page/devices-worker.ts',
  },
  outdir: OUT,
  bundle: true,
  minify: !serving,
  sourcemap: serving,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  define: Object.fromEntries(PORTABLE.map((name) => [`Math.${name}`, `portable_${name}`])),
  inject: ['web/page/portable-math.ts'],
});
if (serving) {
  await building.watch();
  const { port } = await building.serve({ servedir: OUT });
  console.log(`the noise gallery: http://localhost:${port}`);
} else {
  await building.rebuild();
  await building.dispose();
  console.log(`web pages in ${OUT}: open index.html through any static server`);
}
