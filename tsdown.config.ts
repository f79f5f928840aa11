import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    cli: 'cli/main.ts',
    worker: 'src/run/worker.ts',
    process: 'src/run/process.ts',
    'bench-worker': 'src/bench/worker.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: { entry: 'src/index.ts' },
  clean: true,
  fixedExtension: false,
});
