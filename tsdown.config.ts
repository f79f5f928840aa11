import { defineConfig } from 'tsdown';
import { BROWSER_FILES, NODE_FILES } from './scripts/bundles.ts';

const shared = { format: 'esm', clean: true, fixedExtension: false } as const;

export default defineConfig([
  { ...shared, entry: NODE_FILES, platform: 'node', target: 'node20', dts: { entry: 'src/index.ts' } },
  { ...shared, entry: BROWSER_FILES, platform: 'browser', target: 'es2023', dts: true },
]);
