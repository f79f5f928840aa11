/** A reporter of vitest that tells how many tests were skipped, and fails where they are more than SMILE_SKIPPED allows. */
import type { Reporter, TestModule } from 'vitest/node';

export default class Skipped implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    const allowed = Number(process.env.SMILE_SKIPPED ?? Number.POSITIVE_INFINITY);
    const limit = Number.isFinite(allowed) ? ` of at most ${allowed}` : '';
    console.log(`\nskipped: ${skipped.length}${limit}`);
    for (const test of skipped) console.log(`  ${test.module.relativeModuleId} > ${test.fullName}`);
    if (skipped.length <= allowed) return;
    console.error(`tests: expected at most ${allowed} skipped, got ${skipped.length}. Install what they need.`);
    process.exitCode = 1;
  }
}
