/** The members of an earlier run as the warm start of another, so that samplers begin at the same places. */
import { basename, dirname } from 'node:path';
import { specError } from '../errors.ts';
import type { BayesianNetwork } from '../models/posterior.ts';
import { loadRun } from '../spec/loaded-run.ts';
import { readStarts } from '../spec/members.ts';
import { allChains } from '../spec/records.ts';
import type { FitSpec } from '../spec/spec.ts';
import { readMember, type StoredMember, writeMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';

interface Taking {
  readonly spec: FitSpec;
  readonly network: BayesianNetwork;
  /** Checksum of the encoded rows. */
  readonly encodedHash: string;
}

/** The run that a path names: its directory, or the folder of members in it. */
const runOf = (path: string): string => (basename(path) === 'members' ? dirname(path) : path);

/** The named parameters of a network, by which two networks are one. */
const parametersOf = ({ parameters }: BayesianNetwork): string =>
  parameters.map(({ name, shape }) => `${name} ${shape.join('×')}`).join(', ');

/**
 * A member for each chain, from the run at `path`. Throws a `SpecError` where that run has other rows, another seed or network, or fewer
 * trained members.
 */
export function membersOf(path: string, { spec, network, encodedHash }: Taking): StoredMember[] {
  const from = loadRun(runOf(path));
  const refuse = (expected: string, got: string | number, todo: string) =>
    specError(`warmStart.members: expected ${expected}, got ${got} in ${path}. ${todo}`);
  if (from.manifest.encodedHash !== encodedHash) {
    throw refuse(
      'members that were trained on these rows',
      'others',
      'Fit the same data with the same split and seed.',
    );
  }
  if (from.spec.seed !== spec.seed) throw refuse(`members of seed ${spec.seed}`, from.spec.seed, 'Give that seed.');
  if (parametersOf(from.network) !== parametersOf(network)) {
    throw refuse(`members of ${network.model.name}`, from.network.model.name, 'Choose the same network.');
  }
  const { length } = readStarts(from);
  if (length < spec.chains) throw refuse(`${spec.chains} members`, length, 'Ask for fewer chains.');
  return allChains(spec.chains).map((chain) => {
    const member = readMember(runPaths(from.dir).member(chain), network.dim);
    if (!member.unfinished) return member;
    throw refuse('trained members', `member ${chain} unfinished`, 'Go on there with smile resume.');
  });
}

/** Writes the members of a run. */
export function storeMembers(dir: string, members: readonly StoredMember[]): void {
  for (const [chain, member] of members.entries()) writeMember(runPaths(dir).member(chain), member, () => {});
}
