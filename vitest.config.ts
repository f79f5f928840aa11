import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Chromium brings a software driver for Vulkan: without a GPU the WebGPU tests run on it. */
const SOFTWARE_GPU = '/usr/lib/chromium/vk_swiftshader_icd.json';
const software = !existsSync('/dev/dri') && !process.env.VK_ICD_FILENAMES && existsSync(SOFTWARE_GPU);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/build.ts',
    reporters: ['default', './scripts/skipped.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // Files of a worker share its modules: loading them anew for each took a quarter of the time.
    isolate: false,
    env: software ? { VK_ICD_FILENAMES: SOFTWARE_GPU } : {},
  },
});
