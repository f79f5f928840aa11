/** A sample of what bench/kills.ts does by hand with all of them: runs killed at random moments are the runs that were not. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type KillCase, killedAndCompared } from '../../bench/killed.ts';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-kills-'));

let kills = 0;

it.each<KillCase>([
  { sampler: 'mclmc', task: 'regression', kind: 'plain' },
  { sampler: 'psmile', task: 'classes', kind: 'plateau' },
  { sampler: 'sghmc', task: 'regression', kind: 'onnx' },
])('$sampler, $task, $kind', { timeout: 600_000 }, async (one) => {
  const { places, different } = await killedAndCompared(one, { folder, kills: 1, cli: built('cli.js') });
  expect(different).toEqual([]);
  kills += places.length;
});

it('were killed, and not done before', () => expect(kills).toBeGreaterThan(0));
