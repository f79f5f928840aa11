import { defineConfig } from 'tsdown';

const shared = { format: 'esm', clean: true, fixedExtension: false } as const;

export default defineConfig([
  {
    ...shared,
    entry: {
      index: 'src/index.ts',
      cli: 'cli/main.ts',
      'aside-thread': 'src/engine/aside-thread.js',
      worker: 'src/control/worker.ts',
      process: 'src/control/process.ts',
      probe: 'src/engine/probe.ts',
      'bench-worker': 'src/bench/worker.ts',
    },
    platform: 'node',
    target: 'node20',
    dts: { entry: 'src/index.ts' },
  },
  // On its own, so that it shares no chunk with what Node runs.
  { ...shared, entry: { browser: 'src/browser.ts' }, platform: 'browser', target: 'es2023', dts: true },
]);
